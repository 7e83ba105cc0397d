process.on('exit', () => console.log('not seen')); process.kill(process.pid, 'SIGKILL'); setTimeout(() => {}, 1000);
