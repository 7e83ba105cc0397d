exports.named = 'n';
Object.defineProperty(exports, 'viaDefine', { enumerable: true, value: 'd' });
module.exports.later = true;
