// Cenote's npm package beside npm `secure-exec`, in one run on one machine; prints a table in Markdown.
//
//     mkdir /tmp/peer && cd /tmp/peer && npm init -y && npm install secure-exec@0.2.21 node@24     # once, about 1.4 GB
//     (cd sdk/typescript && npm ci && npm run build) && cargo build --release
//     /tmp/peer/node_modules/.bin/node tests/bench/secure-exec.mjs /tmp/peer
//
// Both sides run under the same Node (secure-exec needs 22 or later), one after the other, row by row, so that both meet the same load. Numbers are
// medians; a row's first call, which starts things, is not counted.
import { execFileSync, fork } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const repository = fileURLToPath(new URL("../..", import.meta.url));
const HELLO = "console.log('hi')";
const PIPELINE = "seq 1 100 | sort -n | tail -n 1";
/** In the guest: microseconds of one readFileSync of 1 KiB. */
const READ = `import fs from "node:fs"; fs.writeFileSync("/tmp/k", "x".repeat(1024));
  for (let i = 0; i < 200; i++) fs.readFileSync("/tmp/k");
  const n = 2000, t = performance.now(); for (let i = 0; i < n; i++) fs.readFileSync("/tmp/k"); console.log((performance.now() - t) / n * 1000);`;
/** In the guest: milliseconds of one spawnSync("true"). */
const SPAWN = `import { spawnSync } from "node:child_process"; spawnSync("true");
  const n = 10, t = performance.now(); for (let i = 0; i < n; i++) spawnSync("true"); console.log((performance.now() - t) / n);`;
const MACHINES = 50;

/** What a side offers: one-shot, a machine with code and shell, the end of everything. */
const SIDES = {
  async cenote() {
    const { NodeRuntime, Sidecar } = await import(pathToFileURL(join(repository, "sdk/typescript/dist/src/index.js")).href);
    const machine = (isolation) => async () => {
      // Frozen or coarse clocks could not measure in the guest.
      const rt = await NodeRuntime.create({ isolation, timing: "off" });
      return {
        run: async (code) => (await rt.exec(code)).stdout,
        shell: async (script) => (await rt.shell(script)).stdout,
        end: () => rt.dispose(),
      };
    };
    return { machine: machine("process"), dense: machine("shared"), end: async () => (await Sidecar.shared()).dispose() };
  },
  async "secure-exec"(place) {
    const require = createRequire(join(resolve(place), "package.json"));
    const { createVm, shutdown } = await import(pathToFileURL(require.resolve("secure-exec")).href);
    const output = { output: { capture: "all" } };
    const machine = async () => {
      const vm = await createVm({ jsRuntime: { highResolutionTime: true } }).catch(() => createVm());
      return {
        run: async (code) => (await vm.javascript.execute(code, output)).stdout,
        shell: async (script) => (await vm.process.exec(script, output)).stdout,
        end: () => vm.dispose(),
      };
    };
    return { machine, dense: machine, end: shutdown };
  },
};

async function median(times, work) {
  await work();
  const all = [];
  for (let i = 0; i < times; i++) {
    const start = performance.now();
    await work();
    all.push(performance.now() - start);
  }
  return all.sort((a, b) => a - b)[times >> 1];
}

/** Memory of the children of this process, and of theirs, in MiB: proportional set size. */
function childrensMemory(pid = process.pid, own = false) {
  const size = own ? Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0) / 1024 : 0;
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean));
  return children.reduce((sum, child) => sum + childrensMemory(child, true), size);
}

const expect = (got, wanted) => {
  if (got !== wanted) throw new Error(`${JSON.stringify(got)} instead of ${JSON.stringify(wanted)}`);
};

/** Rows: name, unit, how it is measured with a side and a live machine. */
const ROWS = [
  ["make a machine, `console.log('hi')`, end it", "ms", (side) => median(10, async () => {
    const machine = await side.machine();
    expect((await machine.run(HELLO)).trim(), "hi");
    await machine.end();
  })],
  ["`console.log('hi')` in a live machine", "ms", (_, live) => median(15, async () => expect((await live.run(HELLO)).trim(), "hi"))],
  ["`seq \\| sort \\| tail` in a live machine", "ms", (_, live) => median(10, async () => expect(await live.shell(PIPELINE), "100\n"))],
  ["`readFileSync` of 1 KiB, in the guest", "µs", async (_, live) => Number(await live.run(READ))],
  ["`spawnSync(\"true\")`, in the guest", "ms", async (_, live) => Number(await live.run(SPAWN))],
  [`memory of ${MACHINES} idle machines that have run something, each`, "MiB", async (side) => {
    const first = await side.dense();
    await first.run(HELLO);
    const before = childrensMemory();
    const machines = [];
    for (let i = 0; i < MACHINES; i++) {
      machines.push(await side.dense());
      await machines[i].run(HELLO);
    }
    const each = (childrensMemory() - before) / MACHINES;
    await Promise.all([first, ...machines].map((machine) => machine.end()));
    return each;
  }],
];

/** A side, measuring rows as it is asked to. */
async function serve(name, place) {
  const side = await SIDES[name](place);
  const live = await side.machine();
  process.on("message", async (row) => {
    if (row === undefined || row === null) return;
    if (row === "end") {
      await live.end();
      await side.end();
      process.exit(0);
    }
    process.send(await ROWS[row][2](side, live).catch((error) => String(error)));
  });
  process.send("ready");
}

function megabytes(...paths) {
  return paths.reduce((sum, path) => sum + Number(execFileSync("du", ["-sLk", path], { encoding: "utf8" }).split("\t")[0]) / 1024, 0);
}

/** What installing brings: ours with only what it needs to run, and the platform package (`sdk/typescript/release.mjs` makes it), or without one the program as it is. */
function installed(place, platform) {
  const ours = join(repository, "sdk/typescript");
  const needed = ["@bufbuild/protobuf", "@connectrpc/connect", "@connectrpc/connect-node", "es-module-lexer"];
  const paths = [join(ours, "dist/src"), join(ours, "src"), ...needed.map((name) => join(ours, "node_modules", name))];
  const program = platform ?? process.env.CENOTE_BIN ?? join(repository, "target/release/cenote");
  return [megabytes(...paths, program), megabytes(join(place, "node_modules")) - megabytes(join(place, "node_modules/node"))];
}

async function main(place, platform) {
  const ask = (child, row) => new Promise((done) => (child.once("message", done), child.send(row)));
  const children = [];
  for (const name of Object.keys(SIDES)) {
    const child = fork(fileURLToPath(import.meta.url), ["--side", name, place], { stdio: ["ignore", "inherit", "ignore", "ipc"] });
    await new Promise((ready) => child.once("message", ready));
    children.push(child);
  }
  console.log("| what | cenote | secure-exec 0.2.21 | ratio |\n|---|--:|--:|--:|");
  const line = (name, unit, [ours, theirs]) => {
    const show = (value) => (typeof value === "number" ? `${value.toFixed(value < 10 ? 2 : 0)} ${unit}` : String(value));
    const ratio = typeof ours === "number" && typeof theirs === "number" ? `${(theirs / ours).toFixed(1)}×` : "–";
    console.log(`| ${name} | ${show(ours)} | ${show(theirs)} | ${ratio} |`);
  };
  for (const [index, [name, unit]] of ROWS.entries()) {
    const both = [];
    for (const child of children) both.push(await ask(child, index));
    line(name, unit, both);
  }
  for (const child of children) child.send("end");
  line("installed", "MB", installed(place, platform));
}

if (process.argv[2] === "--side") await serve(process.argv[3], process.argv[4]);
else if (process.argv[2] !== undefined) await main(process.argv[2], process.argv[3]);
else console.error("usage: node tests/bench/secure-exec.mjs DIRECTORY_WITH_SECURE_EXEC_INSTALLED [PLATFORM_PACKAGE]");
