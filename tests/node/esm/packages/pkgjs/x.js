module.exports = 'commonjs in ' + typeof module;
