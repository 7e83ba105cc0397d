const { Worker } = require('worker_threads');
const w = new Worker('process.exit(6)', { eval: true }); w.on('exit', (code) => console.log('exit', code)); w.on('error', (e) => console.log(e));
