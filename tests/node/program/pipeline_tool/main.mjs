// A whole program: a command-line filter with options, between shell commands.
import { execSync } from 'node:child_process';
console.log(
  execSync('seq 1 10 | node filter.cjs --min 4 --json | jq -c . 2>/dev/null || seq 1 10 | node filter.cjs --min 4 --json', {
    encoding: 'utf8',
  }).trim(),
);
console.log(execSync('seq 1 100 | node filter.cjs --min 98 | sort -rn', { encoding: 'utf8' }).trim());
try {
  execSync('node filter.cjs --bogus', { stdio: 'pipe' });
} catch (e) {
  console.log(e.status, String(e.stderr).trim());
}
