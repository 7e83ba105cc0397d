// One text under several names, in both module systems and several processes: each has its own name in stack traces, its own
// import() and its own source map, however often the text was compiled before.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';

const filler = Array.from({ length: 60 }, (_, n) => `function unused${n}() { return 'some text that makes the file long enough ${n}'; }`).join('\n');
const body = `
${filler}
const lazy = () => { const inner = () => new Error('from here').stack.split('\\n').slice(0, 2).join(' '); return inner(); };
const near = () => import('./near.mjs').then((module) => module.default);
`;
const cjs = `${body}\nmodule.exports = { lazy, near, text: lazy.toString(), name: __filename, units: '\\ud800x'.charCodeAt(0) };\n`;
const esm = `${body}\nexport { lazy, near };\nexport const text = lazy.toString(), name = import.meta.filename, units = '\\ud800x'.charCodeAt(0);\n`;
const map = Buffer.from(JSON.stringify({ version: 3, sources: ['original.ts'], sourcesContent: ['x'], names: [], mappings: 'AAAA' })).toString('base64');
const mapped = `${filler}\nexports.throws = () => { throw new Error('mapped'); };\n//# sourceMappingURL=data:application/json;base64,${map}\n`;
for (const directory of ['one', 'two']) {
  mkdirSync(directory);
  writeFileSync(`${directory}/near.mjs`, `export default 'near ${directory}';\n${filler}`);
  writeFileSync(`${directory}/text.cjs`, cjs);
  writeFileSync(`${directory}/text.mjs`, esm);
  writeFileSync(`${directory}/mapped.cjs`, mapped);
}
writeFileSync('main.mjs', `
import { createRequire, findSourceMap } from 'node:module';
const require = createRequire(import.meta.url);
for (const directory of ['one', 'two']) {
  for (const loaded of [require('./' + directory + '/text.cjs'), await import('./' + directory + '/text.mjs')]) {
    console.log(loaded.lazy().replace(/\\(?(file:\\/\\/)?\\/\\S*\\/(?=one|two)/, ''), await loaded.near(), loaded.text.length, loaded.name.split('/').slice(-2).join('/'), loaded.units);
  }
  const { throws } = require('./' + directory + '/mapped.cjs');
  try { throws(); } catch (error) { console.log(error.stack.split('\\n')[1].replace(/^.*\\/(?=one|two)/, '')); }
  console.log(findSourceMap(require.resolve('./' + directory + '/mapped.cjs'))?.payload.sources);
}
`);
for (let round = 0; round < 4; round++) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...(round % 2 ? ['--enable-source-maps'] : []), 'main.mjs'], { encoding: 'utf8' });
  console.log(round, status, stdout, stderr);
}
// What does not parse says so every time.
writeFileSync('wrong.cjs', `${filler}\nlet a = ;\n`);
for (let round = 0; round < 3; round++) {
  console.log(spawnSync(process.execPath, ['wrong.cjs'], { encoding: 'utf8' }).stderr.split('\n').slice(0, 5).map((line) => line.replace(/^.*\/(?=wrong)/, '')));
}
