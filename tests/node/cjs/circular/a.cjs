exports.done = false;
exports.b = require('./b.cjs');
exports.done = true;
