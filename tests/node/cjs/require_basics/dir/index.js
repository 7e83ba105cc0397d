exports.from = 'index of dir';
