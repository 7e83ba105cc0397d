exports.early = 1; const b = require('./_cycle_b.js'); exports.b = b.done; exports.late = 2;
