// Starts `true` 50 times and waits for each.
import { spawnSync } from "node:child_process";

spawnSync("true");
const start = process.hrtime.bigint();
for (let i = 0; i < 50; i++) {
  const { status, error } = spawnSync("true");
  if (status !== 0) throw error ?? new Error(`status ${status}`);
}
console.log(String(process.hrtime.bigint() - start));
