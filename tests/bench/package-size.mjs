// What the npm package brings: it, its dependencies and the platform package, packed and installed as npm does; and what its program takes in the user's caches.
//
//     cargo build --release --bin cenote && (cd sdk/typescript && npm ci) && node tests/bench/package-size.mjs [PROGRAM]
//
// PROGRAM is `CENOTE_BIN` or target/release/cenote unless given. Starts the program that was installed, and fails when that does
// not work or more than 80 MB are installed.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const MOST = 80e6;
const repository = fileURLToPath(new URL("../..", import.meta.url));
const program = process.argv[2] ?? process.env.CENOTE_BIN ?? join(repository, "target/release/cenote");
const place = mkdtempSync(join(tmpdir(), "cenote-pack-"));
const project = join(place, "project");
const caches = join(place, "caches");

/** Packs a directory as npm does; the tarball. */
function pack(directory) {
  const [{ filename }] = JSON.parse(execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", place], { cwd: directory, encoding: "utf8" }));
  return join(place, filename);
}

/** Bytes of all files below a path. */
function size(path) {
  const entries = readdirSync(path, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).reduce((sum, entry) => sum + statSync(join(entry.parentPath ?? entry.path, entry.name)).size, 0);
}

/** Runs a line of JavaScript in a machine of the installed package; the milliseconds until its sidecar listened. */
function start() {
  const script = `
    import { NodeRuntime, Sidecar } from "cenote";
    const before = performance.now();
    const sidecar = await Sidecar.start();
    const took = performance.now() - before;
    const rt = await NodeRuntime.create({ sidecar });
    const { stdout } = await rt.exec("console.log(6 * 7)");
    if (stdout !== "42\\n") throw new Error(stdout);
    await rt.dispose();
    await sidecar.dispose();
    console.log(Math.round(took));`;
  const env = { ...process.env, CENOTE_CACHE_DIR: caches };
  delete env.CENOTE_BIN;
  return Number(execFileSync(process.execPath, ["--input-type=module", "--eval", script], { cwd: project, env, encoding: "utf8" }));
}

const show = (bytes) => (bytes / 1e6).toFixed(1);
try {
  execFileSync(process.execPath, [join(repository, "sdk/typescript/release.mjs"), place, program], { stdio: "inherit" });
  const platform = join(place, `${process.platform}-${process.arch}`);
  const { name, cenote } = JSON.parse(readFileSync(join(platform, "package.json"), "utf8"));
  const tarballs = [pack(join(place, "cenote")), pack(platform)];
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), JSON.stringify({ private: true }));
  execFileSync("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", ...tarballs], { cwd: project, stdio: ["ignore", "ignore", "inherit"] });
  const modules = join(project, "node_modules");
  const packages = Object.keys(JSON.parse(readFileSync(join(project, "node_modules/.package-lock.json"), "utf8")).packages);
  console.log("| package | installed, MB |\n|---|--:|");
  for (const path of packages) console.log(`| ${path.slice("node_modules/".length)} | ${show(size(join(project, path)))} |`);
  const installed = size(modules);
  console.log(`| everything below node_modules | ${show(installed)} |`);
  console.log(`\nFetched of ours: ${tarballs.map((file) => show(statSync(file).size)).join(" and ")} MB. ${name} holds a program of ${show(cenote.bytes)} MB.`);
  const [first, second] = [start(), start()];
  const kept = size(join(caches, "programs"));
  console.log(`In the user's caches it takes ${show(kept)} MB more. The sidecar's first start, which unpacks it: ${first} ms; the second: ${second} ms.`);
  if (installed > MOST) {
    console.error(`more than ${MOST / 1e6} MB are installed`);
    process.exitCode = 1;
  }
} finally {
  rmSync(place, { recursive: true, force: true });
}
