module.exports = require('./cjs.cjs');
