const a = 1;
module.exports = { a, 'b-c': a, get d() { return 1; }, e: a };
