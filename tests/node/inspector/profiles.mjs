// Files that a process is asked for at its start: processor and heap profiles, coverage; also at process.exit().
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const directory = mkdtempSync(join(tmpdir(), 'profiles-'));
const script = join(directory, 'program.js');
writeFileSync(
  script,
  'function used() { return 1; }\nfunction unused() { return 2; }\nlet n = 0;\nfor (let i = 0; i < 1e6; i++) n += used();\nif (process.argv[2]) process.exit(Number(process.argv[2]));\n',
);
const run = (flags, args = [], env = {}) => {
  try {
    execFileSync(process.execPath, [...flags, script, ...args], { cwd: directory, env: { ...process.env, ...env }, stdio: 'pipe' });
    return 0;
  } catch (error) {
    return error.status;
  }
};
console.log(run(['--cpu-prof', '--cpu-prof-name=cpu.json', `--cpu-prof-dir=${join(directory, 'a/b')}`]));
console.log(Object.keys(JSON.parse(readFileSync(join(directory, 'a/b/cpu.json')))).sort());
console.log(run(['--cpu-prof'], ['3']));
console.log(readdirSync(directory).filter((name) => /^CPU\.\d{8}\.\d{6}\.\d+\.0\.001\.cpuprofile$/.test(name)).length);
console.log(run(['--heap-prof', '--heap-prof-name=heap.json']));
console.log(Object.keys(JSON.parse(readFileSync(join(directory, 'heap.json')))).sort());
for (const args of [[], ['4']]) {
  const coverage = join(directory, `coverage${args.length}`);
  console.log(run([], args, { NODE_V8_COVERAGE: coverage }));
  const [file] = readdirSync(coverage);
  console.log(/^coverage-\d+-\d+-0\.json$/.test(file));
  const { result } = JSON.parse(readFileSync(join(coverage, file)));
  const own = result.find(({ url }) => url.endsWith('/program.js'));
  for (const { functionName, ranges } of own.functions) console.log(functionName, ranges[0].count > 0);
}
rmSync(directory, { recursive: true });
