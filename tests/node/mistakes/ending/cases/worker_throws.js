const { Worker } = require('worker_threads');
new Worker('Error.stackTraceLimit = 1; throw new TypeError("in a worker")', { eval: true });
