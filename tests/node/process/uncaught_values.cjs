// Thrown values which are no errors are reported by inspection.
const { spawnSync } = require('child_process');
for (const code of [
  'throw 5',
  'throw "text"',
  'throw null',
  'throw {a:1}',
  'throw undefined',
  'throw Object.assign(new Error("with props"),{code:"E"})',
  'throw new Error("c",{cause:"why"})',
  'class E2 extends Error{}; throw new E2("sub")',
  'throw Symbol("s")',
]) {
  const r = spawnSync(process.execPath, ['-e', code], { encoding: 'utf8' });
  console.log(r.status, r.stderr.replace(/\n\s+at .*/g, '\n  at'));
}
