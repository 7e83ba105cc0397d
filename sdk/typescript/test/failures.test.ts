/** What goes wrong, told by classes with a code: by a sidecar of the test's own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@connectrpc/connect";
import { z } from "zod";

import { CenoteError, FileError, hostFunction, LimitError, NodeRuntime, NotImplementedError, Sidecar, SidecarError, VmError } from "../src/index.js";
import { fakeSidecar, refuse } from "./support/fake-sidecar.js";

test("what the server cannot do is NOT_IMPLEMENTED and says what", async () => {
  const fake = await fakeSidecar({
    vms: {
      create: () => {
        throw refuse(Code.Unimplemented, { code: "UNIMPLEMENTED", option: "timing" }, "CreateVmRequest.timing cannot be done yet");
      },
    },
  });
  await assert.rejects(NodeRuntime.create({ sidecar: fake.sidecar, timing: "frozen" }), (error) => {
    assert.ok(error instanceof NotImplementedError);
    assert.equal(error.code, "NOT_IMPLEMENTED");
    assert.match(error.message, /timing/);
    assert.equal(error.option, "timing");
    return true;
  });
  await fake[Symbol.asyncDispose]();
});

test("a call the server does not know is NOT_IMPLEMENTED", async () => {
  const fake = await fakeSidecar({});
  const rt = await NodeRuntime.create({ sidecar: fake.sidecar });
  await assert.rejects(rt.snapshot(), { code: "NOT_IMPLEMENTED", vm: "vm-1" });
  await fake[Symbol.asyncDispose]();
});

test("files fail by their errno, limits by their option in this package's spelling", async () => {
  const fake = await fakeSidecar({
    files: {
      read: async function* () {
        yield { data: new Uint8Array(1) };
        throw refuse(Code.NotFound, { code: "ENOENT", path: "/x" }, "no such file or directory");
      },
      mkdir: () => {
        throw refuse(Code.ResourceExhausted, { code: "LIMIT", limit: "open_files", option: "limits.open_files" }, "too many");
      },
    },
  });
  const rt = await NodeRuntime.create({ sidecar: fake.sidecar });
  await assert.rejects(rt.readFile("/x"), (error) => error instanceof FileError && error.code === "ENOENT" && error.path === "/x");
  await assert.rejects(
    rt.mkdir("/y"),
    (error) => error instanceof LimitError && error.limit === "openFiles" && error.option === "limits.openFiles" && error.vm === "vm-1",
  );
  await fake[Symbol.asyncDispose]();
});

test("a worker's death is VM_LOST with its last words", async () => {
  const fake = await fakeSidecar({
    processes: {
      exec: () => {
        throw refuse(Code.Aborted, { code: "WORKER_DIED" }, "the worker died by SIGABRT");
      },
    },
  });
  const rt = await NodeRuntime.create({ sidecar: fake.sidecar });
  await assert.rejects(rt.exec("1"), (error) => error instanceof VmError && error.code === "VM_LOST");
  await fake[Symbol.asyncDispose]();
});

test("a connection that breaks rejects what is pending", async () => {
  const fake = await fakeSidecar({
    processes: {
      exec: async function* () {
        yield { event: { case: "started", value: { pid: 2 } } };
        await new Promise(() => undefined);
      },
    },
  });
  const rt = await NodeRuntime.create({ sidecar: fake.sidecar });
  const pending = [rt.exec("1"), rt.exec("2")];
  setTimeout(() => fake.breakOff(), 50);
  for (const ending of await Promise.allSettled(pending)) {
    assert.ok(ending.status === "rejected" && ending.reason instanceof SidecarError);
    assert.equal(ending.reason.code, "SIDECAR_GONE");
  }
  await fake[Symbol.asyncDispose]();
});

test("errors point at the line that called", async () => {
  const fake = await fakeSidecar({});
  const rt = await NodeRuntime.create({ sidecar: fake.sidecar });
  async function theCaller(): Promise<void> {
    await rt.snapshot();
  }
  await assert.rejects(theCaller(), (error: CenoteError) => {
    const [first, frame] = (error.stack ?? "").split("\n");
    assert.match(first ?? "", /^NotImplementedError: /);
    assert.match(frame ?? "", /theCaller .*failures\.test/);
    return true;
  });
  await fake[Symbol.asyncDispose]();
});

test("after dispose calls fail as VM_DISPOSED, and dispose does nothing", async () => {
  let disposals = 0;
  const fake = await fakeSidecar({ vms: { dispose: () => ((disposals += 1), {}) } });
  const rt = await NodeRuntime.create({ sidecar: fake.sidecar });
  await rt.dispose();
  await rt.dispose();
  assert.equal(disposals, 1);
  await assert.rejects(rt.exec("1"), { code: "VM_DISPOSED" });
  await assert.rejects(rt.readFile("/x"), { code: "VM_DISPOSED" });
  await fake[Symbol.asyncDispose]();
});

test("options that make no sense are named", async () => {
  await assert.rejects(NodeRuntime.create({ limits: { processes: -1 } }), { code: "INVALID_OPTION", option: "limits.processes" });
  await assert.rejects(NodeRuntime.create({ limits: { nothing: 1 } as object }), { option: "limits.nothing" });
  await assert.rejects(NodeRuntime.create({ files: { "relative.txt": "" } }), { option: "files" });
  await assert.rejects(NodeRuntime.create({ permissions: { fs: 5 as never } }), { option: "permissions.fs" });
  await assert.rejects(NodeRuntime.create({ hostFunctions: { "bad name": {} } }), { code: "INVALID_OPTION" });
});

test("a missing binary is SIDECAR_NOT_FOUND", async () => {
  await assert.rejects(NodeRuntime.create({ sidecar: { binary: "/nowhere/cenote" } }), (error) => {
    assert.ok(error instanceof SidecarError);
    assert.equal(error.code, "SIDECAR_NOT_FOUND");
    return true;
  });
});

test("names that are no options are refused", async () => {
  await assert.rejects(NodeRuntime.create({ permission: {} } as object), { code: "INVALID_OPTION", option: "permission" });
  await assert.rejects(NodeRuntime.create({ isolation: "proces" as never }), { code: "INVALID_OPTION", option: "isolation" });
  await assert.rejects(NodeRuntime.create({ hostFunctions: { "a-b": {} } }), { option: "hostFunctions.a-b" });
  const date = hostFunction({ inputSchema: z.object({ at: z.date() }), execute: () => 0 });
  await assert.rejects(NodeRuntime.create({ hostFunctions: { clock: { set: date } } }), { option: "hostFunctions.clock.set.inputSchema" });
  const mounts = [{ guestPath: "/a", memoryBytes: 4096 }, { guestPath: "/b", hostPath: "/nowhere" }];
  await assert.rejects(NodeRuntime.create({ mounts }), { code: "HOST_PATH", option: "mounts[1]" });
});

test("a connection that cannot be made says why; a call that loses it names its machine", async () => {
  await assert.rejects(Sidecar.connect({ socket: "/nowhere/socket" }), (error: CenoteError) => {
    assert.equal(error.code, "SIDECAR_GONE");
    assert.match(error.message, /ENOENT/);
    assert.ok(error.cause instanceof Error);
    return true;
  });
  await assert.rejects(Sidecar.connect({ host: "127.0.0.1", port: 1, tls: false }), /ECONNREFUSED/);
  const fake = await fakeSidecar({
    processes: {
      exec: async function* () {
        yield { event: { case: "started", value: { pid: 2 } } };
        await new Promise(() => undefined);
      },
    },
  });
  const rt = await NodeRuntime.create({ sidecar: fake.sidecar });
  const lost = rt.exec("1");
  setTimeout(() => fake.breakOff(), 50);
  await assert.rejects(lost, { code: "SIDECAR_GONE", vm: "vm-1" });
  await assert.rejects(rt.exec("1"), { code: "SIDECAR_GONE", vm: "vm-1" });
  await fake[Symbol.asyncDispose]();
});

test("errors of processes, streams, terminals and sidecars point at the line that called, too", async () => {
  await using sidecar = await Sidecar.start();
  const rt = await NodeRuntime.create({ sidecar });
  const proc = await rt.spawnCommand("cat");
  const terminal = await rt.openTerminal();
  const watcher = await (await NodeRuntime.create({ sidecar })).watch("/tmp");
  const snapshot = await rt.snapshot();
  await rt.dispose();
  const calls: Record<string, () => Promise<unknown>> = {
    wait: async () => await proc.wait(),
    exited: async () => await proc.exited(),
    writeStdin: async () => await proc.writeStdin("x"),
    iterate: async () => { for await (const _ of proc.stdout); },
    text: async () => await proc.stdout.text(),
    snapshot: async () => { for await (const _ of snapshot.export()) break; },
    export: async () => { for await (const _ of rt.export()) break; },
    resize: async () => await terminal.resize(1, 1),
    terminal: async () => { for await (const _ of terminal); },
    start: async () => await Sidecar.start({ binary: "/nowhere" }),
    connect: async () => await Sidecar.connect({ socket: "/nowhere" }),
    describe: async () => await sidecar.describe("vm-of-nobody"),
    watch: async () => {
      await sidecar.dispose();
      for await (const _ of watcher);
    },
  };
  for (const [name, call] of Object.entries(calls)) {
    await assert.rejects(call(), (error: CenoteError) => {
      assert.ok(error instanceof CenoteError, `${name}: ${String(error)}`);
      assert.match((error.stack ?? "").split("\n").find((line) => /^ +at /.test(line)) ?? "", /failures\.test/, `${name}: ${error.stack}`);
      return true;
    });
  }
});
