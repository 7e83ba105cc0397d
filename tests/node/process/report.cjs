// Diagnostic reports: what they are made of, files, settings, signals and uncaught exceptions.
const fs = require('node:fs');
const os = require('node:os');
const { spawnSync } = require('node:child_process');
const shape = (value) => {
  if (Array.isArray(value)) return value.length > 0 && typeof value[0] === 'object' ? 'objects' : 'array';
  return value === null ? 'null' : typeof value;
};
// What may be absent: the machine has no C library.
const absent = ['glibcVersionRuntime', 'glibcVersionCompiler', 'available_memory'];
const fields = (object) => Object.keys(object).filter((key) => !absent.includes(key)).sort().map((key) => `${key}:${shape(object[key])}`).join(' ');

const error = Object.assign(new TypeError('made'), { code: 'E_MADE', extra: { a: 1 } });
const report = process.report.getReport(error);
console.log(Object.keys(report).sort());
console.log(fields(report.header));
const { header } = report;
console.log(header.event, header.trigger, header.filename, header.reportVersion, header.wordSize, header.threadId, header.nodejsVersion === process.version);
console.log(header.processId === process.pid, header.cwd === process.cwd(), header.host === os.hostname(), header.osName === os.type(), header.osRelease === os.release());
console.log(Object.keys(header.componentVersions).sort().join() === Object.keys(process.versions).sort().join(), header.release.name);
console.log(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(header.dumpEventTime), Math.abs(header.dumpEventTimeStamp - Date.now()) < 60_000);
console.log(report.javascriptStack.message, /^at .*report\.cjs/.test(report.javascriptStack.stack[0]), report.javascriptStack.errorProperties);
console.log(fields(report.javascriptHeap), fields(report.javascriptHeap.heapSpaces.new_space));
console.log(fields(report.resourceUsage), fields(report.uvthreadResourceUsage));
console.log(fields(report.userLimits), report.environmentVariables.PATH === process.env.PATH);
console.log(report.libuv.at(-1).type, report.libuv.every(({ address }) => /^0x[0-9a-f]{16}$/.test(address)));
console.log(process.report.getReport().javascriptStack.message);
console.log(process.report.getReport({}).javascriptStack, process.report.getReport({ stack: 'one line', x: 1 }).javascriptStack);
for (const wrong of [1, 'text', null]) {
  try {
    process.report.getReport(wrong);
  } catch (e) {
    console.log(e.code);
  }
}

// The settings.
console.log(process.report.signal, process.report.compact, process.report.directory, process.report.filename, process.report.reportOnSignal);
process.report.excludeEnv = true;
process.report.excludeNetwork = true;
const bare = process.report.getReport();
console.log('environmentVariables' in bare, 'networkInterfaces' in bare.header);

const run = (...args) => {
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  console.log(status, stderr.split('\n').filter((line) => /report|^Error/.test(line)).map((line) => line.replace(/report\.\d+\.\d+\.\d+\.0\.001/, 'report.name')));
};
run('-e', 'process.report.writeReport("one.json")');
console.log(JSON.parse(fs.readFileSync('one.json')).header.filename, fs.readFileSync('one.json', 'utf8').split('\n').length > 50);
fs.mkdirSync('there');
run('--report-compact', '--report-directory=there', '-e', 'console.log(process.report.writeReport())');
console.log(fs.readdirSync('there').map((name) => name.replace(/\d+\.\d+\.\d+/, 'N')), fs.readFileSync(`there/${fs.readdirSync('there')[0]}`, 'utf8').split('\n').length);
run('--report-uncaught-exception', '--report-filename=thrown.json', '-e', 'throw new RangeError("not caught")');
const thrown = JSON.parse(fs.readFileSync('thrown.json'));
console.log(thrown.header.event, thrown.header.trigger, thrown.javascriptStack.message);
run('--report-on-signal', '--report-signal=SIGUSR2', '--report-filename=signalled.json', '-e', 'process.kill(process.pid, "SIGUSR2"); setTimeout(() => {}, 200)');
const signalled = JSON.parse(fs.readFileSync('signalled.json'));
console.log(signalled.header.event, signalled.header.trigger, signalled.javascriptStack);
run('-e', 'console.log(process.report.writeReport("absent/one.json"))');
console.log(spawnSync(process.execPath, ['-e', 'process.report.compact = true; process.report.writeReport("stdout")'], { encoding: 'utf8' }).stdout.length > 500);
