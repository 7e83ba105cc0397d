// What is written to standard output and by console keeps its order.
process.stdout.write('1 ');
console.log('2');
process.stdout.write('3\n', () => console.log('callback'));
require('fs').writeSync(1, '4\n');
console.log(process.stdout.writable, process.stdout.write(''), process.stdout.isTTY, process.stdout.columns);
process.stdout.write(Buffer.from('buf\n'));
process.stdout.write('latin\xe9\n', 'latin1');
process.stdout.write(new Uint8Array([104, 105, 10]));
try {
  process.stdout.write(5);
} catch (e) {
  console.log(e.code, e.message);
}
try {
  process.stdout.write(null);
} catch (e) {
  console.log(e.code);
}
console.log(process.stdout._type, process.stdout.writableHighWaterMark);
process.on('exit', () => {
  console.log('in exit');
  process.stdout.write('last\n');
});
