console.log('a is run');
module.exports = { name: 'a' };
