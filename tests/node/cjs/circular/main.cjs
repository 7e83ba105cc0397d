// Circular requires see the unfinished exports.
const a = require('./a.cjs');
console.log(a.done, a.b.done, a.b.sawA);
