// node:test's runner starts a node process for each file, with all of this one's options.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from 'node:test';

const directory = mkdtempSync(join(tmpdir(), 'runner-'));
const file = join(directory, 'some.test.cjs');
writeFileSync(
  file,
  `const { test, describe, it } = require('node:test');
   test('passes', () => {});
   test('fails', () => { throw new Error('on purpose'); });
   describe('suite', () => { it('inner', async () => {}); it.skip('skipped', () => {}); });`,
);
const seen = [];
const stream = run({ files: [file] });
stream.on('test:pass', ({ name, skip }) => seen.push(['pass', name, skip]));
stream.on('test:fail', ({ name, details }) => seen.push(['fail', name, details.error.cause?.message]));
stream.on('test:stderr', ({ message }) => seen.push(['stderr', message]));
for await (const _ of stream);
console.log(seen.map((line) => line.join(' ')).sort());

// The runner of this process marks its environment.
const { NODE_TEST_CONTEXT, ...env } = process.env;
const spec = spawnSync(process.execPath, ['--test', '--test-reporter=tap', file], { encoding: 'utf8', env });
console.log(spec.status, spec.stderr, spec.stdout.split('\n').filter((line) => /^(ok|not ok|# (tests|pass|fail|skipped)) /.test(line.trim())).map((line) => line.trim()));

for (const options of [['--cpu-prof-interval=1000'], ['--cpu-prof-interval=5'], ['--cpu-prof-name=x'], ['--heap-prof-dir=x']]) {
  const { status, stderr } = spawnSync(process.execPath, [...options, '-e', '0'], { encoding: 'utf8' });
  console.log(options, status, stderr.replace(/^.*?: /, ''));
}
rmSync(directory, { recursive: true });
