// Signal handlers run in the loop; kill reports missing processes.
process.on('SIGTERM', (name, num) => {
  console.log(name, num);
  process.kill(process.pid, 'SIGUSR2');
});
process.once('SIGUSR2', () => {
  console.log('usr2');
  clearInterval(t);
  process.removeAllListeners('SIGTERM');
});
process.on('SIGHUP', () => {});
console.log(process.listenerCount('SIGTERM'));
const t = setInterval(() => {}, 1000);
console.log(process.kill(process.pid, 0));
process.kill(process.pid, 'SIGTERM');
console.log('sent');
try {
  process.kill(99999999, 0);
} catch (e) {
  console.log(e.code, e.syscall, e.message);
}
try {
  process.kill(process.pid, 'SIGNOPE');
} catch (e) {
  console.log(e.code, e.message);
}
try {
  process.kill('x');
} catch (e) {
  console.log(e.code);
}
try {
  process.on('SIGKILL', () => {});
} catch (e) {
  console.log(e.code, e.message);
}
