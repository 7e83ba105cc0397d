// TZ: dates and Intl follow it at once when it changes, is deleted or unknown; children inherit it; workers have that of the process.
const { spawnSync } = require('node:child_process');
const { Worker, isMainThread } = require('node:worker_threads');

const at = new Date(Date.UTC(2024, 2, 31, 1, 30));
const show = () => [at.toString(), at.getTimezoneOffset(), at.toLocaleString('en-GB'), Intl.DateTimeFormat().resolvedOptions().timeZone, new Date(2024, 6, 1).toISOString()].join(' | ');
if (!isMainThread) {
  process.env.TZ = 'Asia/Tokyo';
  console.log('worker', show());
} else if (process.argv[2]) console.log(process.argv[2], show());
else {
  console.log(show());
  for (const zone of ['Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe', ':Pacific/Auckland', 'UTC']) {
    process.env.TZ = zone;
    console.log(zone, show());
  }
  process.env.TZ = 'America/Los_Angeles';
  const format = new Intl.DateTimeFormat('en-US', { dateStyle: 'full', timeStyle: 'long' });
  console.log(format.format(at), new Intl.DateTimeFormat('en', { timeZone: 'Asia/Tokyo', hour: 'numeric' }).format(at), at.toLocaleTimeString('de'), at.toLocaleDateString('fr', { weekday: 'long' }));
  console.log(Intl.DateTimeFormat.name, Intl.DateTimeFormat.length, format.constructor === Intl.DateTimeFormat, format instanceof Intl.DateTimeFormat, Intl.DateTimeFormat.supportedLocalesOf(['de']), Date.prototype.toLocaleString.name);
  class Own extends Intl.DateTimeFormat {}
  console.log(new Own('en').resolvedOptions().timeZone, new Own() instanceof Own, Object.keys(Intl), Intl.DateTimeFormat('en').format(at));
  for (const options of [null, 5, 'x', { timeZone: 'Nowhere' }])
    try {
      console.log(at.toLocaleString('en', options));
    } catch (error) {
      console.log(error.name, error.message);
    }
  for (const env of [{ TZ: 'Africa/Cairo' }, {}, undefined]) console.log(spawnSync(process.execPath, [__filename, 'child'], { env: env && { PATH: process.env.PATH, ...env }, encoding: 'utf8' }).stdout.trim());
  new Worker(__filename).on('exit', () => {
    process.env.TZ = 'UTC';
    console.log(show());
  });
}
