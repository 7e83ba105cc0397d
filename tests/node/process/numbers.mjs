// hrtime, uptime, memoryUsage, cpuUsage and resourceUsage have their shapes and grow.
const t = process.hrtime();
const d = process.hrtime(t);
console.log(t.length, d[0] >= 0, d[1] >= 0, typeof process.hrtime.bigint());
const a = process.hrtime.bigint();
for (let i = 0; i < 1e5; i++);
console.log(process.hrtime.bigint() > a, process.uptime() > 0, process.uptime() < 60);
const m = process.memoryUsage();
console.log(
  Object.keys(m),
  Object.values(m).every((v) => Number.isInteger(v)),
  m.heapUsed > 1e5,
  m.heapTotal >= m.heapUsed,
  process.memoryUsage.rss() > 0,
);
const c = process.cpuUsage();
console.log(Object.keys(c), c.user >= 0, process.cpuUsage(c).user >= 0);
console.log(Object.keys(process.resourceUsage()).length);
try {
  process.hrtime(1);
} catch (e) {
  console.log(e.code);
}
try {
  process.hrtime([1]);
} catch (e) {
  console.log(e.code, e.message);
}
console.log(
  process.constrainedMemory() >= 0,
  process.availableMemory() > 0,
  typeof process.getActiveResourcesInfo(),
  process.getuid() >= 0,
  process.geteuid() === process.getuid(),
  Array.isArray(process.getgroups()),
);
