// SIGPIPE and SIGXFSZ are errors of the call; what a parent ignored is not, and children get everything anew.
import { spawnSync } from "node:child_process";

function bash(script) {
  const { status, stdout, stderr } = spawnSync("bash", ["-c", script, "bash", process.execPath], { encoding: "utf8" });
  console.log(status, JSON.stringify(stdout), /Error: \w+: [^\n]*/.exec(stderr)?.[0]);
}

bash(`"$1" -e 'for (let i = 0; i < 1e4; i++) require("fs").writeSync(1, "x".repeat(1000))' | head -c 1; exit \${PIPESTATUS[0]}`);
bash(`"$1" -e 'for (let i = 0; i < 1e4; i++) console.log("x".repeat(1000))' | head -c 1; exit \${PIPESTATUS[0]}`);
bash(`cd "$(mktemp -d)" && ulimit -f 1 && "$1" -e 'require("fs").writeFileSync("big", "x".repeat(1 << 16))'`);
bash(`trap "" USR2; "$1" -e 'process.kill(process.pid, "SIGUSR2"); setTimeout(() => console.log("lives"), 10000)'; exit $?`);
bash(`"$1" -e 'const { signal } = require("child_process").spawnSync("sh", ["-c", "kill -PIPE $$; echo lives"]); console.log(signal)'`);
