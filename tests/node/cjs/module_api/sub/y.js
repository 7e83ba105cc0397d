module.exports = 'y of sub';
