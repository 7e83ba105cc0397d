process.on('exit', (code) => console.error('exit of the import', code));
const one = 1,
  two = await new Promise(() => {});
