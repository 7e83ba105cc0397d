module.exports = 'bom js';
