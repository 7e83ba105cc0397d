// beforeExit may schedule more work; exit comes last.
let n = 0;
process.on('beforeExit', (c) => {
  console.log('beforeExit', c);
  if (n++ < 2) setTimeout(() => console.log('more', n), 1);
});
process.on('exit', () => console.log('exit'));
setTimeout(() => console.log('timer'), 1);
setTimeout(() => console.log('unref never'), 10000).unref();
console.log('main');
