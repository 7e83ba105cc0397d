module.exports = require('nowhere-to-be-found');
