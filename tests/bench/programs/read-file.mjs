// Reads a small file many times.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "bench-"));
const file = join(folder, "file");
writeFileSync(file, "x".repeat(1024));
const round = (times) => {
  let bytes = 0;
  for (let i = 0; i < times; i++) bytes += readFileSync(file).length;
  if (bytes !== times * 1024) throw new Error(`read ${bytes} bytes`);
};
round(2000);
const start = process.hrtime.bigint();
round(10000);
const took = process.hrtime.bigint() - start;
rmSync(folder, { recursive: true });
console.log(String(took));
