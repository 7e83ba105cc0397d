// Standard input from a pipe is a stream of chunks and ends.
// stdin: first line\nsecond line\nlast
process.stdin.setEncoding('utf8');
let all = '';
process.stdin.on('data', (c) => {
  all += c;
});
process.stdin.on('end', () => {
  console.log('end', JSON.stringify(all), process.stdin.isTTY);
});
process.stdin.on('close', () => console.log('close'));
