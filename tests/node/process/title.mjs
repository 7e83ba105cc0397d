// The title is what `ps` shows, as far as it fits where the arguments were.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

function shown() {
  const arguments_ = readFileSync("/proc/self/cmdline");
  const end = arguments_.indexOf(0);
  return [arguments_.subarray(0, end).toString(), arguments_.subarray(end).every((byte) => byte === 0), readFileSync("/proc/self/comm", "utf8").length <= 16];
}

process.title = "short";
console.log(process.title, ...shown());
process.title = "ends\0here";
console.log(process.title, ...shown());
const long = "long ".repeat(1000);
process.title = long;
console.log(long.startsWith(process.title), process.title.length < long.length, process.title === shown()[0]);
const script = `process.title = "x".repeat(1000); console.log(process.title.length)`;
console.log(spawnSync(process.execPath, ["-e", script], { encoding: "utf8", argv0: "node" }).stdout.trim() - script.length);
console.log(spawnSync(process.execPath, ["--title=named", "-p", "process.title"], { encoding: "utf8" }).stdout.trim());
