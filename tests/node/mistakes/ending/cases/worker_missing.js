const { Worker } = require('worker_threads');
try { new Worker('relative.js'); } catch (error) { console.log(error.code, error.message); }
new Worker('./no_such_worker.js').on('error', (error) => console.log(error.code, error.message.replaceAll(__dirname, 'HERE')));
