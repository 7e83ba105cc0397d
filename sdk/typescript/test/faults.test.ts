/** Guests that do harm, and many machines: neighbours do not notice, nothing is left behind. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { after, before, test } from "node:test";

import { NodeRuntime, Sidecar, SidecarError, VmError } from "../src/index.js";

/** `CENOTE_SOAK=1` runs the tests of scale at the size that is promised. */
const SOAKS = (process.env.CENOTE_SOAK ?? "0") !== "0";

let sidecar: Sidecar;
before(async () => {
  sidecar = await Sidecar.start();
});
after(() => sidecar.dispose());

/** Open descriptors of a process. */
function descriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** A file of procfs; empty when its process or thread has ended meanwhile. */
function proc(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, "utf8");
  } catch {
    return "";
  }
}

/** Memory of a process and its children that is theirs alone, in MiB. */
function ownMemory(pid: number): number {
  const rollup = proc(`${pid}/smaps_rollup`);
  const kib = [...rollup.matchAll(/^Private_\w+:\s+(\d+) kB$/gm)].reduce((sum, [, size]) => sum + Number(size), 0);
  // The thread that started a worker is not always the first.
  const threads = existsSync(`/proc/${pid}/task`) ? readdirSync(`/proc/${pid}/task`) : [];
  const children = threads.flatMap((task) => proc(`${pid}/task/${task}/children`).split(" ").filter(Boolean));
  return kib / 1024 + children.reduce((sum, child) => sum + ownMemory(Number(child)), 0);
}

test("a guest that makes V8 abort ends its own machine, by a typed error", async () => {
  await using bad = await NodeRuntime.create({ sidecar });
  await using neighbour = await NodeRuntime.create({ sidecar });
  const other = neighbour.exec(`setTimeout(() => console.log("not noticed"), 300)`);
  const lost = (error: unknown): boolean => error instanceof VmError && error.code === "VM_LOST" && error.vm !== undefined;
  await assert.rejects(bad.exec("'x'.repeat(2 ** 29 - 30).split('')"), lost);
  await assert.rejects(bad.exec("1"), lost);
  await assert.rejects(bad.readFile("/etc/passwd"), lost);
  assert.equal((await other).stdout, "not noticed\n");
});

test("a sidecar killed in the middle of calls rejects all of them within a second, and a new machine works after", async () => {
  const doomed = await Sidecar.shared();
  const rt = await NodeRuntime.create();
  const forever = "setInterval(() => undefined, 1000);";
  const spawned = await rt.spawn(forever);
  const reader = spawned.stdout[Symbol.asyncIterator]();
  await rt.spawn(`import http from "node:http"; http.createServer(() => undefined).listen(3000);`);
  await rt.waitForListener({ port: 3000 });
  const pending = [
    rt.exec(forever),
    rt.run(forever),
    rt.shell("sleep 1000"),
    spawned.wait(),
    reader.next(),
    rt.fetch(3000, { path: "/" }),
    rt.waitForListener({ port: 4000 }),
    rt.readFile("/dev/zero"),
  ];
  const settled = Promise.allSettled(pending);
  // All of them are under way: another call has been answered meanwhile.
  assert.equal((await rt.shell("echo there")).stdout, "there\n");
  process.kill(doomed.pid ?? 0, "SIGKILL");
  const late = new Promise<"late">((resolve) => setTimeout(() => resolve("late"), 1_000));
  const endings = await Promise.race([settled, late]);
  assert.ok(endings !== "late", "calls are still pending after a second");
  for (const [index, ending] of endings.entries()) {
    assert.ok(ending.status === "rejected" && ending.reason instanceof SidecarError, `call ${index}: ${JSON.stringify(ending)}`);
    assert.equal(ending.reason.code, "SIDECAR_GONE");
  }
  await assert.rejects(rt.exec("1"), { code: "SIDECAR_GONE" });
  await using next = await NodeRuntime.create();
  assert.equal((await next.shell("echo new")).stdout, "new\n");
  assert.notEqual((await Sidecar.shared()).pid, doomed.pid);
  await (await Sidecar.shared()).dispose();
});

test("a guest that floods nobody is kept to the limit, and one that floods a reader who waits is held up", async () => {
  await using rt = await NodeRuntime.create({ sidecar, limits: { outputBytes: 100_000 } });
  const flood = `process.stdout.on("error", () => {}); const chunk = "x".repeat(65536); (function write() { while (process.stdout.write(chunk)); process.stdout.once("drain", write); })();`;
  const captured = await rt.exec(flood, { timeout: 500 });
  assert.deepEqual([captured.timedOut, captured.stdoutTruncated, captured.stdoutBytes.byteLength], [true, true, 100_000]);

  const held = await rt.spawn(flood, { onStdout: () => new Promise(() => undefined) });
  const reader = (await rt.spawn(flood)).stdout[Symbol.asyncIterator]();
  await reader.next();
  await new Promise((resolve) => setTimeout(resolve, SOAKS ? 60_000 : 1_000));
  assert.ok(ownMemory(sidecar.pid ?? 0) < 400, `${ownMemory(sidecar.pid ?? 0)} MiB`);
  await held.killAll();
});

test("many machines at once, each with its own answer", async () => {
  const machines = await Promise.all(Array.from({ length: SOAKS ? 200 : 12 }, () => NodeRuntime.create({ sidecar, isolation: "shared" })));
  const answers = await Promise.all(machines.map(async (rt, index) => (await rt.run<number>(`__return(${index} * 2)`)).value));
  assert.deepEqual(
    answers,
    machines.map((_, index) => index * 2),
  );
  await Promise.all(machines.map((rt) => rt.dispose()));
});

test("machines that are disposed of leave no descriptors, here or in the sidecar", async () => {
  const cycle = async (): Promise<void> => {
    await using rt = await NodeRuntime.create({ sidecar });
    await rt.writeFile("/root/x", "x");
    const proc = await rt.spawnCommand("sleep", ["1000"]);
    assert.ok(proc.pid > 0);
  };
  for (let i = 0; i < 3; i += 1) await cycle();
  const before = [descriptors(process.pid), descriptors(sidecar.pid ?? 0)];
  for (let i = 0; i < (SOAKS ? 1_000 : 10); i += 1) await cycle();
  const later = [descriptors(process.pid), descriptors(sidecar.pid ?? 0)];
  // A spare worker more or less is being started at any moment.
  assert.ok(later[0] === before[0] && (later[1] ?? 0) - (before[1] ?? 0) < 8, `${before.join()} before, ${later.join()} after`);
});
