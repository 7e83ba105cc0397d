// An option that takes a value does not take an empty one after its equals sign.
const { spawnSync } = require('child_process');
for (const option of ['--title=', '--eval=', '--require=', '--test-reporter=', '--experimental-test-tag-filter=']) {
  const { status, stderr } = spawnSync(process.execPath, [option, '-p', '1'], { encoding: 'utf8' });
  console.log(status, stderr.replaceAll(process.execPath, 'node').trim());
}
console.log(spawnSync(process.execPath, ['--eval', '', 'x'], { encoding: 'utf8' }).status);
console.log(JSON.stringify(spawnSync(process.execPath, ['--title', '', '-p', 'process.title.length > 0'], { encoding: 'utf8' }).stdout));
