process.on('SIGTERM', (name, number) => { console.log(name, number); process.exit(4); }); process.kill(process.pid, 'SIGTERM'); setTimeout(() => {}, 10000);
