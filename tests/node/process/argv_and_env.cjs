// process shows arguments, environment and versions of this process.
// args: one --two=2 -- three
const path = require('path');
console.log(
  process.argv.slice(2),
  path.basename(process.argv[1]),
  path.basename(process.argv[0]),
  process.argv0,
  process.argv.length,
  process.execArgv,
);
console.log(
  path.isAbsolute(process.execPath),
  path.basename(process.execPath),
  process.title.length > 0,
  process.pid > 0,
  process.ppid >= 0,
  process.platform,
  process.version,
  process.versions.node,
  process.release.name,
  process.arch.length > 0,
);
process.env.NEW = 'v';
process.env.NUM = 5;
console.log(
  process.env.NEW,
  typeof process.env.NUM,
  'NEW' in process.env,
  process.env.NOPE,
  delete process.env.NEW,
  process.env.NEW,
  Object.keys(process.env).includes('NUM'),
);
console.log(
  Object.keys(process.env).sort().join(),
  process.env.TZ,
  { ...process.env }.LC_ALL,
  JSON.stringify(Object.getOwnPropertyDescriptor(process.env, 'TZ')),
);
try {
  process.env.SYM = Symbol('x');
} catch (e) {
  console.log(e.name, e.message);
}
try {
  Object.defineProperty(process.env, 'D', { value: 'x' });
} catch (e) {
  console.log(e.code);
}
console.log(
  process.exitCode,
  process.config !== undefined,
  typeof process.features.inspector,
  process.stdin.fd,
  process.stdout.fd,
  process.stderr.fd,
  process.debugPort,
  process.allowedNodeEnvironmentFlags.has('--no-warnings'),
);
