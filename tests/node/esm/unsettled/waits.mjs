process.on('exit', (code) => console.error('exit of the import', code, process.exitCode));
const one = 1,
  two = await new Promise(() => {});
