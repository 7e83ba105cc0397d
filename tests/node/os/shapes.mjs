// os answers in its shapes.
import os from 'node:os';
console.log(
  typeof os.hostname(),
  os.type(),
  os.platform(),
  typeof os.release(),
  typeof os.version(),
  JSON.stringify(os.EOL),
  os.devNull,
  typeof os.arch(),
  os.endianness(),
  typeof os.machine(),
);
console.log(os.uptime() > 0, os.loadavg().length, os.totalmem() > 0, os.freemem() > 0, os.availableParallelism() > 0);
console.log(
  os.cpus().every((c) => typeof c.model === 'string' && Object.keys(c.times).join() === 'user,nice,sys,idle,irq'),
  Object.keys(os.userInfo()).sort(),
  os.homedir() === process.env.HOME,
  os.tmpdir() === process.env.TMPDIR,
  typeof os.networkInterfaces(),
);
console.log(
  os.constants.signals.SIGKILL,
  os.constants.signals.SIGUSR1,
  os.constants.errno.ENOENT,
  os.constants.errno.EAGAIN,
  os.constants.priority,
  Object.keys(os.constants),
);
console.log(os.getPriority() >= -20 && os.getPriority() <= 19, `${os.hostname}` === os.hostname(), os.userInfo({ encoding: 'buffer' }).username instanceof Buffer);
try {
  os.setPriority(1e9, 5);
} catch (e) {
  console.log(e.code);
}
try {
  os.getPriority('x');
} catch (e) {
  console.log(e.code, e.message);
}
