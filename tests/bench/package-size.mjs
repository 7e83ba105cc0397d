// What the npm package brings: its own files, its dependencies and the platform package with the stripped program, packed as npm does.
//
//     cargo build --release --bin cenote && (cd sdk/typescript && npm ci && npm run build) && node tests/bench/package-size.mjs [PROGRAM]
//
// PROGRAM is `CENOTE_BIN` or target/release/cenote unless given. Fails when more than 80 MB are installed.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const MOST = 80e6;
const repository = fileURLToPath(new URL("../..", import.meta.url));
const ours = join(repository, "sdk/typescript");
const program = process.argv[2] ?? process.env.CENOTE_BIN ?? join(repository, "target/release/cenote");
const manifest = JSON.parse(readFileSync(join(ours, "package.json"), "utf8"));
const place = mkdtempSync(join(tmpdir(), "cenote-pack-"));

/** Sizes of a directory as npm packs it: what is fetched, and what it takes once unpacked. */
function pack(directory) {
  const [packed] = JSON.parse(execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", place], { cwd: directory, encoding: "utf8" }));
  return { fetched: packed.size, installed: packed.unpackedSize };
}

/** The platform package: the program without symbols but with node's start-up snapshot, and a manifest. */
function platform() {
  const directory = join(place, "platform");
  mkdirSync(directory);
  const stripped = join(place, "cenote");
  cpSync(program, stripped);
  execFileSync("strip", [stripped]);
  execFileSync(stripped, ["package", join(directory, "cenote")]);
  const os = process.platform;
  const name = `@cenote/${os}-${process.arch}`;
  writeFileSync(join(directory, "package.json"), JSON.stringify({ name, version: manifest.version, os: [os], cpu: [process.arch], files: ["cenote"] }));
  return directory;
}

/** What the sections of the program take, largest first. */
function sections(file) {
  const all = execFileSync("size", ["-A", file], { encoding: "utf8" }).split("\n").map((line) => line.trim().split(/\s+/)).filter((row) => row.length === 3 && row[0].startsWith("."));
  return all.map(([name, size]) => [name, Number(size)]).sort((a, b) => b[1] - a[1]).slice(0, 5);
}

const show = (bytes) => (bytes / 1e6).toFixed(1);
try {
  const directory = platform();
  const rows = [["cenote", pack(ours)]];
  for (const name of Object.keys(manifest.dependencies)) rows.push([name, pack(join(ours, "node_modules", name))]);
  rows.push(["platform package", pack(directory)]);
  const sum = (key) => rows.reduce((total, [, sizes]) => total + sizes[key], 0);
  rows.push(["together", { fetched: sum("fetched"), installed: sum("installed") }]);
  console.log("| package | fetched, MB | installed, MB |\n|---|--:|--:|");
  for (const [name, { fetched, installed }] of rows) console.log(`| ${name} | ${show(fetched)} | ${show(installed)} |`);
  const parts = sections(join(directory, "cenote")).map(([name, size]) => `${name} ${show(size)}`);
  console.log(`\nThe program is ${show(statSync(join(directory, "cenote")).size)} MB without symbols: ${parts.join(", ")}.`);
  if (sum("installed") > MOST) {
    console.error(`more than ${MOST / 1e6} MB are installed`);
    process.exitCode = 1;
  }
} finally {
  rmSync(place, { recursive: true });
}
