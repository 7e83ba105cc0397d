let n = 0; process.on('beforeExit', (code) => { console.log('beforeExit', code); if (n++ < 1) setTimeout(() => console.log('more'), 1); });
