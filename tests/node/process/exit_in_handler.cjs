// process.exit runs exit handlers once, and they may change the status.
process.on('exit', (c) => {
  console.log('first', c);
  process.exit(c + 1);
});
process.on('exit', () => console.log('second is not reached'));
setTimeout(() => console.log('never'), 10);
Promise.resolve().then(() => console.log('never either'));
process.exit(20);
