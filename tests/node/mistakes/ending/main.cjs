// Each program of `cases` ends as it does under Node: what it wrote, its status and signal.
"use strict";
const { spawnSync } = require("node:child_process");
const { readdirSync, readFileSync } = require("node:fs");
for (const name of readdirSync(`${__dirname}/cases`).filter((name) => /^[^_].*\.[cm]?[jt]s$/.test(name)).sort()) {
  const flags = /^\/\/ flags: (.*)$/m.exec(readFileSync(`${__dirname}/cases/${name}`, "latin1"))?.[1].split(" ") ?? [];
  const ended = spawnSync(process.execPath, [...flags, `cases/${name}`], { cwd: __dirname, encoding: "utf8" });
  console.log(`== ${name}: ${ended.status} ${ended.signal}\n${ended.stdout}-- stderr\n${ended.stderr.replaceAll(`node:${ended.pid}`, "node:PID")}`);
}
