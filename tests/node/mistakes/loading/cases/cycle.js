const a = require('./_cycle_a.js');
console.log(a);
a.missing();
