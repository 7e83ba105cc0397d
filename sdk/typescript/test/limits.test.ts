/** Limits and permissions that the embedder meets, on a real sidecar: the class, and what the error names. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { LimitError, NodeRuntime, PermissionError, type Limits } from "../src/index.js";

/** Every limit there is, as the type has it. */
const EVERY: Required<Limits> = {
  processes: 20,
  openFiles: 1_000,
  openFilesPerProcess: 100,
  pipes: 50,
  sockets: 50,
  filesystemBytes: 1 << 20,
  inodes: 1_000,
  wasmMemoryBytes: 128 << 20,
  wasmMemoryTotalBytes: 512 << 20,
  jsHeapBytes: 64 << 20,
  arrayBuffersBytes: 64 << 20,
  outputBytes: 1_000,
  cpuTimeMs: 60_000,
  wallTimeMs: 60_000,
  terminals: 3,
  outwardConnections: 10,
};

test("every limit has a row of its own name, but for those of one call", async () => {
  await using rt = await NodeRuntime.create({ limits: EVERY });
  const rows = Object.entries(await rt.resources()).map(([name, { option, limit }]) => [name, option, limit]);
  const { outputBytes: _output, wallTimeMs: _time, ...rest } = EVERY;
  const expected = Object.entries(rest).map(([name, limit]) => [name, `limits.${name}`, limit]);
  assert.deepEqual(rows.sort(), expected.sort());
  const out = await rt.exec("console.log('x'.repeat(5000))");
  assert.deepEqual([out.stdout.length, out.stdoutTruncated], [1_000, true]);
});

test("a limit that is met from outside is a LimitError that names the machine, the limit and the option", async () => {
  await using rt = await NodeRuntime.create({ limits: { filesystemBytes: 100_000, processes: 4, terminals: 1 } });
  const met = async (limit: keyof Limits, errno: string, attempt: Promise<unknown>): Promise<void> => {
    await assert.rejects(attempt, (error) => {
      assert.ok(error instanceof LimitError, String(error));
      assert.deepEqual([error.code, error.limit, error.option, error.errno], ["LIMIT", limit, `limits.${limit}`, errno]);
      assert.match(error.vm ?? "", /^vm-/);
      assert.match(error.message, new RegExp(`limits\\.${limit}`));
      return true;
    });
  };
  await met("filesystemBytes", "ENOSPC", rt.writeFile("/tmp/x", new Uint8Array(200_000)));
  await using terminal = await rt.openTerminal();
  await met("terminals", "ENOSPC", rt.openTerminal());
  await rt.spawnCommand("sleep", ["1000"]);
  const many = async (): Promise<void> => {
    for (;;) await rt.spawnCommand("sleep", ["1000"]);
  };
  await met("processes", "EAGAIN", many());
  await terminal.close();
});

test("a permission that refuses the embedder is a PermissionError that names it", async () => {
  const executor = { spawn: () => assert.fail("it was not to be started") };
  await using rt = await NodeRuntime.create({ hostCommands: { executor, only: ["own"] }, permissions: { childProcess: false } });
  // By another name than its own, the embedder's program is asked for whoever starts it.
  await assert.rejects(rt.execCommand("/usr/local/bin/own"), (error) => {
    assert.ok(error instanceof PermissionError, String(error));
    assert.deepEqual([error.code, error.permission, error.option, error.errno], ["PERMISSION_DENIED", "child_process", "permissions.childProcess", "EACCES"]);
    assert.match(error.vm ?? "", /^vm-/);
    return true;
  });
});

test("wall time ends a call, whatever time the call gives itself", async () => {
  await using rt = await NodeRuntime.create({ limits: { wallTimeMs: 500 } });
  for (const timeout of [0, 600_000]) {
    const out = await rt.exec("console.log('up'); setInterval(() => {}, 1000)", { timeout });
    assert.deepEqual([out.timedOut, out.exitCode], [true, 137], out.stderr);
  }
  const proc = await rt.spawnCommand("sleep", ["1000"]);
  assert.equal(await proc.wait(), 137);
  // A shorter time is the call's own.
  const out = await rt.exec("for (;;);", { timeout: 100 });
  assert.equal(out.timedOut, true);
});
