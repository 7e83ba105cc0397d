require('fs').readFile('missing.txt', (error, data) => { console.log(data); throw error; });
