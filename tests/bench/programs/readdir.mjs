// Lists a folder of 100 entries many times.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "bench-"));
for (let i = 0; i < 100; i++) writeFileSync(join(folder, `entry-${i}`), "");
const round = (times) => {
  let entries = 0;
  for (let i = 0; i < times; i++) entries += readdirSync(folder).length;
  if (entries !== times * 100) throw new Error(`listed ${entries} entries`);
};
round(200);
const start = process.hrtime.bigint();
round(2000);
const took = process.hrtime.bigint() - start;
rmSync(folder, { recursive: true });
console.log(String(took));
