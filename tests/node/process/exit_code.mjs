// process.exitCode is the status when nothing else is said.
process.exitCode = 3;
process.on('exit', (c) => {
  console.log('exit event', c, process.exitCode);
  process.exitCode = 4;
});
console.log('end of main');
