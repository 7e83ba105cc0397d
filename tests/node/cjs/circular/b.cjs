const a = require('./a.cjs');
exports.sawA = { ...a };
exports.done = true;
console.log(a.missing);
