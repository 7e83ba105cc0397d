// Options from a file: what they say, that the command line says otherwise, and what is wrong in them.
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'config-'));
const run = (config, ...args) => {
  fs.writeFileSync(path.join(directory, 'node.config.json'), typeof config === 'string' ? config : JSON.stringify(config));
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--no-warnings', ...args], { cwd: directory, encoding: 'utf8' });
  console.log(status, stdout, stderr.replaceAll(process.execPath, 'node'));
};
const size = ['-p', 'http.maxHeaderSize'];
run({ nodeOptions: { 'max-http-header-size': 10 } }, '--experimental-default-config-file', ...size);
run({ nodeOptions: { 'max-http-header-size': 10 } }, '--experimental-config-file', ...size);
run({ nodeOptions: { 'max-http-header-size': 10 } }, '--experimental-config-file=node.config.json', '--max-http-header-size=20', ...size);
run({ $schema: 'x', test: { 'test-isolation': 'none' }, permission: {}, watch: {} }, '--experimental-default-config-file', '-p', '1');
for (const wrong of ['', '[]', '{', '{"nodeOptions":3}', '{"other":{}}', '{"nodeOptions":{"test":true}}', '{"nodeOptions":{"inspect":1}}',
  '{"nodeOptions":{"inspect":true,"inspect":true}}', '{"nodeOptions":{"import":"a --inspect"}}', '{"nodeOptions":{"http-parser":true}}',
  '{"nodeOptions":{"abort-on-uncaught-exception":true}}', '{"test":{"nothing":1}}', '{"testRunner":{}}', '{"nodeOptions":{"max-http-header-size":-1}}']) {
  run(wrong, '--experimental-default-config-file', '-p', '1');
}
run('{}', '--experimental-config-file=none.json', '-p', '1');
run('{}', '--experimental-config-file=', '-p', '1');
run('{}', '--experimental-default-config-file=x', '-p', '1');
