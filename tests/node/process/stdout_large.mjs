// A megabyte of output arrives whole before the process ends.
const line = 'x'.repeat(99) + '\n';
for (let i = 0; i < 10000; i++) process.stdout.write(line);
console.log('end');
process.exitCode = 2;
