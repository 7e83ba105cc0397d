module.exports = 'typed cjs ' + typeof require;
