const key = 'comp' + 'uted';
exports[key] = 1;
module.exports.plain = 2;
