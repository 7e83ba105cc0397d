const a = require('./_cycle_a.js'); console.log(a.late); exports.done = a.early;
