/** Programs by themselves: what keeps them alive, where their errors point, what becomes of their sidecar. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";

interface Ending {
  status: number | string;
  stdout: string;
  stderr: string;
}

/** Runs a module that imports the package; it is ended after 30 s. */
function program(text: string): Promise<Ending> {
  const directory = mkdtempSync(resolve("dist/program-"));
  const file = join(directory, "program.js");
  writeFileSync(file, text);
  return new Promise((done) => {
    execFile(process.execPath, [file], { timeout: 30_000 }, (error, stdout, stderr) => {
      rmSync(directory, { recursive: true });
      const status = error === null ? 0 : (error.code ?? error.signal ?? "?");
      done({ status: error?.killed === true ? "still running after 30 s" : status, stdout, stderr });
    });
  });
}

/** Whether a process is there. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 100 && !condition(); i += 1) await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(condition());
}

test("a finished script ends although its machine is live, and its sidecar with it", async () => {
  const { status, stdout, stderr } = await program(`
    import { NodeRuntime, Sidecar } from "cenote";
    const rt = await NodeRuntime.create();
    await rt.spawn("setInterval(() => console.log('tick'), 10)", { onStdout() {} });
    console.log((await Sidecar.shared()).pid);
  `);
  assert.equal(status, 0, stderr);
  await until(() => !isAlive(Number(stdout)));
});

test("a script that is killed takes its sidecar with it", async () => {
  const { stdout } = await program(`
    import { NodeRuntime, Sidecar } from "cenote";
    const rt = await NodeRuntime.create();
    process.stdout.write(String((await Sidecar.shared()).pid), () => process.kill(process.pid, "SIGKILL"));
  `);
  await until(() => !isAlive(Number(stdout)));
});

test("what is awaited keeps the script alive", async () => {
  const { status, stdout, stderr } = await program(`
    import { NodeRuntime } from "cenote";
    const rt = await NodeRuntime.create();
    const proc = await rt.spawn("setTimeout(() => console.log('late'), 300)");
    for await (const chunk of proc.stdout) process.stdout.write(chunk);
    console.log("ended", await proc.wait());
  `);
  assert.equal(stdout, "late\nended 0\n", stderr);
  assert.equal(status, 0);
});

test("an unhandled error points at the caller's line", async () => {
  const { status, stderr } = await program(`import { NodeRuntime } from "cenote";
const rt = await NodeRuntime.create();
await rt.readFile("/nowhere");
`);
  assert.equal(status, 1);
  assert.match(stderr, /FileError: ENOENT: .*\n\s+at .*program\.js:3:/);
});

test("dispose twice is fine, and await using disposes", async () => {
  const { status, stdout, stderr } = await program(`
    import { NodeRuntime } from "cenote";
    const rt = await NodeRuntime.create();
    await Promise.all([rt.dispose(), rt.dispose()]);
    await rt[Symbol.asyncDispose]();
    console.log("fine");
  `);
  assert.equal(stdout, "fine\n", stderr);
  assert.equal(status, 0);
});

test("a sidecar killed in a call: pending calls reject, a new machine works after", async () => {
  const { stdout, stderr } = await program(`
    import { NodeRuntime, Sidecar } from "cenote";
    const rt = await NodeRuntime.create();
    const pending = [rt.exec("setInterval(() => {}, 1000)"), rt.shell("sleep 100"), rt.waitForListener(80, { timeoutMs: 60000 })];
    const proc = await rt.spawn("setInterval(() => {}, 1000)");
    pending.push(proc.wait());
    const { pid } = await Sidecar.shared();
    const killed = Date.now();
    process.kill(pid, "SIGKILL");
    const ends = await Promise.allSettled(pending);
    console.log(ends.map((end) => end.reason?.code).join());
    console.log(Date.now() - killed < 1000 ? "in time" : "late");
    console.log(await rt.exec("1").catch((error) => error.code));
    const again = await NodeRuntime.create();
    console.log((await again.exec("console.log('works')")).stdout.trim());
  `);
  assert.equal(stdout, "SIDECAR_GONE,SIDECAR_GONE,SIDECAR_GONE,SIDECAR_GONE\nin time\nSIDECAR_GONE\nworks\n", stderr);
});

test("what nobody waits for keeps no script alive: a body that is not read, input that is not taken", async () => {
  const { status, stdout, stderr } = await program(`
    import { NodeRuntime } from "cenote";
    const rt = await NodeRuntime.create();
    await rt.spawn('import http from "node:http"; http.createServer((q, r) => { r.write("head"); }).listen(3000)');
    await rt.waitForListener(3000);
    await rt.fetchStream(3000);
    const proc = await rt.spawnCommand("sleep", ["1000"]);
    proc.stdout.stream();
    proc.writeStdin("x".repeat(1 << 20));
    console.log("end");
  `);
  assert.equal(stdout, "end\n", stderr);
  assert.equal(status, 0, stderr);
});

test("input that is waited for keeps the script alive until the program has taken it", async () => {
  const { status, stdout, stderr } = await program(`
    import { NodeRuntime } from "cenote";
    const rt = await NodeRuntime.create();
    const proc = await rt.spawn('setTimeout(() => process.stdin.resume(), 300);');
    await proc.writeStdin("x".repeat(1 << 20));
    console.log("taken");
  `);
  assert.equal(stdout, "taken\n", stderr);
  assert.equal(status, 0, stderr);
});

test("a killed script leaves no directory behind", async () => {
  const temporary = mkdtempSync(resolve("dist/tmp-"));
  await program(`
    process.env.TMPDIR = ${JSON.stringify(temporary)};
    const { NodeRuntime } = await import("cenote");
    const rt = await NodeRuntime.create();
    process.kill(process.pid, "SIGKILL");
  `);
  assert.deepEqual(readdirSync(temporary).filter((name) => name.startsWith("cenote-")), []);
  rmSync(temporary, { recursive: true, force: true });
});
