// An uncaught error is reported on standard error and ends with status 1.
function thrower() {
  throw new TypeError('the message');
}
process.on('exit', (c) => console.log('exit', c));
console.log('before');
thrower();
