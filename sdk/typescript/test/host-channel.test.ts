/** What the embedder answers on the host channel, asked by a sidecar of the test's own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";

import {
  createInMemoryFileSystem,
  createNodeDriver,
  createNodeRuntimeDriverFactory,
  hostFunction,
  NodeRuntime,
  type CommandExecutor,
  type NodeDriverOptions,
  type NodeRuntimeCreateOptions,
} from "../src/index.js";
import { Decision } from "../src/gen/cenote/v1/vms_pb.js";
import { DataChannel } from "../src/gen/cenote/v1/host_pb.js";
import { FileKind } from "../src/gen/cenote/v1/files_pb.js";
import { fakeSidecar, Guest, type FakeSidecar } from "./support/fake-sidecar.js";

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const text = (data: Uint8Array): string => new TextDecoder().decode(data);

/** A machine whose guest is the test. */
async function machine(options: NodeRuntimeCreateOptions): Promise<{ guest: Guest; fake: FakeSidecar; runtime: NodeRuntime }> {
  const guest = new Guest();
  const fake = await fakeSidecar({ hostChannel: { open: guest.open } });
  const runtime = await NodeRuntime.create({ ...options, sidecar: fake.sidecar });
  return { guest, fake, runtime };
}

/** The same by the first generation's options. */
async function driven(options: NodeDriverOptions): Promise<{ guest: Guest; fake: FakeSidecar; runtime: NodeRuntime }> {
  const guest = new Guest();
  const fake = await fakeSidecar({ hostChannel: { open: guest.open } });
  const runtime = new NodeRuntime({
    systemDriver: createNodeDriver(options),
    runtimeDriverFactory: createNodeRuntimeDriverFactory({ sidecar: fake.sidecar }),
  });
  await runtime.id();
  return { guest, fake, runtime };
}

test("permission functions answer, with both spellings, at once or later, by boolean or decision", async () => {
  const { guest, fake, runtime } = await machine({
    permissions: {
      fs: (request) => request.operation === "read" && request.op === "read",
      network: async (request) => ({ allow: request.hostname === "example.com", reason: `not ${request.hostname}` }),
      childProcess: () => {
        throw new Error("broken");
      },
      hostFunction: true,
    },
  });
  const permissions = fake.created[0]?.permissions;
  assert.equal(permissions?.fs?.fallback, Decision.ASK);
  assert.equal(permissions?.hostFunction?.fallback, Decision.ALLOW);

  const ask = async (operation: string, scope: Parameters<Guest["ask"]>[0] & { case: "permission" }) =>
    (await guest.reply(guest.ask(scope), "permission")).value;
  const fs = (operation: string) =>
    ask(operation, { case: "permission", value: { operation, scope: { case: "fs", value: { path: bytes("/x") } } } });
  assert.equal((await fs("read")).allow, true);
  assert.equal((await fs("write")).allow, false);
  const network = await ask("fetch", {
    case: "permission",
    value: { operation: "fetch", scope: { case: "network", value: { hostname: "evil.example" } } },
  });
  assert.deepEqual([network.allow, network.reason], [false, "not evil.example"]);
  const program = await ask("spawn", {
    case: "permission",
    value: { operation: "spawn", scope: { case: "childProcess", value: { command: "ls" } } },
  });
  assert.equal(program.allow, false);
  assert.match(program.reason, /broken/);
  await runtime.dispose();
  await fake[Symbol.asyncDispose]();
});

test("host functions are registered with their schemas, called with checked input, and fail by name and message", async () => {
  const { guest, fake, runtime } = await machine({
    hostFunctions: {
      math: {
        add: hostFunction({
          inputSchema: z.object({ a: z.number(), b: z.number().default(1) }).describe("Adds two numbers"),
          execute: ({ a, b }) => a + b,
        }),
        plain: { description: "Echo", inputSchema: { type: "object" }, execute: (input) => input },
        wrong: {
          execute: () => {
            throw new RangeError("too far");
          },
        },
      },
    },
  });
  const [collection] = fake.created[0]?.hostFunctions ?? [];
  const add = collection?.functions.find(({ name }) => name === "add");
  assert.equal(add?.description, "Adds two numbers");
  assert.deepEqual((JSON.parse(add?.inputSchema ?? "") as { required: string[] }).required, ["a"]);

  const call = (name: string, input: string) =>
    guest.ask({ case: "function", value: { collection: "math", function: name, input: bytes(input) } });
  assert.equal(text((await guest.reply(call("add", '{"a":2}'), "function")).value.output), "3");
  assert.equal(text((await guest.reply(call("plain", '{"x":[1]}'), "function")).value.output), '{"x":[1]}');
  const invalid = (await guest.reply(call("add", '{"a":"2"}'), "error")).value;
  assert.equal(invalid.name, "TypeError");
  assert.match(invalid.message, /math\.add: a: /);
  const wrong = (await guest.reply(call("wrong", ""), "error")).value;
  assert.deepEqual([wrong.name, wrong.message], ["RangeError", "too far"]);
  assert.match((await guest.reply(call("constructor", ""), "error")).value.message, /no host function math\.constructor/);
  await runtime.dispose();
  await fake[Symbol.asyncDispose]();
});

test("functions registered later are answered on the same machine", async () => {
  const guest = new Guest();
  const fake = await fakeSidecar({ hostChannel: { open: guest.open }, vms: { registerHostFunctions: () => ({}) } });
  const runtime = await NodeRuntime.create({ sidecar: fake.sidecar });
  await runtime.registerHostFunctions({ clock: { now: { execute: () => 5 } } });
  const id = guest.ask({ case: "function", value: { collection: "clock", function: "now", input: bytes("") } });
  assert.equal(text((await guest.reply(id, "function")).value.output), "5");
  await runtime.dispose();
  await fake[Symbol.asyncDispose]();
});

test("a command executor gets what the guest spawns, its input and signals; output and status go back", async () => {
  const seen: unknown[] = [];
  const executor: CommandExecutor = {
    spawn(command, args, options) {
      seen.push(command, args, options.cwd, options.env);
      let ended!: (code: number) => void;
      const exit = new Promise<number>((resolve) => (ended = resolve));
      return {
        writeStdin(data) {
          options.onStdout?.(bytes(text(data as Uint8Array).toUpperCase()));
        },
        closeStdin() {
          seen.push("closed");
          options.onStderr?.(bytes("bye"));
        },
        kill(signal) {
          seen.push(signal);
          ended(300);
        },
        wait: () => exit,
      };
    },
  };
  const { guest, fake, runtime } = await driven({ commandExecutor: executor, permissions: { childProcess: true } });
  assert.deepEqual(fake.created[0]?.hostCommands, ["**"]);
  const id = guest.ask({
    case: "command",
    value: { command: "cat", args: [bytes("-n")], cwd: "/root", env: { A: "1" } },
  });
  await guest.reply(id, "commandStarted");
  guest.ask({ case: "data", value: { channel: DataChannel.STDIN, bytes: bytes("hello"), end: false } }, id);
  guest.ask({ case: "data", value: { channel: DataChannel.STDIN, bytes: bytes(""), end: true } }, id);
  assert.equal(text((await guest.reply(id, "data")).value.bytes), "HELLO");
  assert.equal((await guest.reply(id, "window")).value.bytes, 5);
  guest.ask({ case: "signal", value: 15 }, id);
  assert.equal((await guest.reply(id, "commandExited")).value.exitCode, 300 & 255);
  assert.deepEqual(seen, ["cat", ["-n"], "/root", { A: "1" }, "closed", 15]);
  const last = guest.replies.filter((reply) => reply.id === id).map((reply) => reply.reply.case);
  assert.equal(last.at(-1), "commandExited");
  await runtime.dispose();
  await fake[Symbol.asyncDispose]();
});

test("a command that writes more than the guest takes waits for the window", async () => {
  let finished = false;
  const executor: CommandExecutor = {
    spawn: (_command, _args, options) => {
      options.onStdout?.(new Uint8Array(300 << 10));
      return {
        writeStdin() {},
        closeStdin() {},
        kill() {},
        wait: async () => {
          finished = true;
          return 0;
        },
      };
    },
  };
  const { guest, fake, runtime } = await driven({ commandExecutor: executor, permissions: { childProcess: true } });
  const id = guest.ask({ case: "command", value: { command: "yes" } });
  await guest.reply(id, "commandStarted");
  await new Promise((resolve) => setTimeout(resolve, 20));
  const sent = (): number =>
    guest.replies.reduce((size, { reply }) => size + (reply.case === "data" ? reply.value.bytes.byteLength : 0), 0);
  assert.equal(finished, true);
  assert.equal(sent(), 256 << 10);
  assert.ok(!guest.replies.some(({ reply }) => reply.case === "commandExited"));
  guest.ask({ case: "window", value: { channel: DataChannel.STDOUT, bytes: 100 << 10 } }, id);
  await guest.reply(id, "commandExited");
  assert.equal(sent(), 300 << 10);
  await runtime.dispose();
  await fake[Symbol.asyncDispose]();
});

test("a filesystem of the embedder answers calls by its methods, with its errors' codes", async () => {
  const filesystem = createInMemoryFileSystem();
  await filesystem.writeFile("/a/b.txt", "hello");
  const { guest, fake, runtime } = await machine({ mounts: [{ guestPath: "/data", filesystem }] });
  const call = (value: Extract<Parameters<Guest["ask"]>[0], { case: "filesystem" }>["value"]) =>
    guest.ask({ case: "filesystem", value: { filesystem: "mount-0", ...value } });
  const stat = await guest.reply(call({ call: { case: "stat", value: { path: bytes("a/b.txt") } } }), "filesystem");
  assert.equal(stat.value.result.case, "stat");
  assert.ok(stat.value.result.case === "stat" && stat.value.result.value.size === 5n && stat.value.result.value.kind === FileKind.FILE);
  const read = await guest.reply(call({ call: { case: "read", value: { path: bytes("a/b.txt"), offset: 1n, length: 3 } } }), "filesystem");
  assert.ok(read.value.result.case === "data" && text(read.value.result.value) === "ell");
  await guest.reply(call({ call: { case: "write", value: { path: bytes("a/b.txt"), offset: 5n, data: bytes("!") } } }), "filesystem");
  assert.equal(await filesystem.readTextFile("/a/b.txt"), "hello!");
  const missing = await guest.reply(call({ call: { case: "readDir", value: { path: bytes("none") } } }), "error");
  assert.equal(missing.value.code, "ENOENT");
  await runtime.dispose();
  await fake[Symbol.asyncDispose]();
});

test("a network adapter of the embedder answers names and requests", async () => {
  const { guest, fake, runtime } = await driven({
    networkAdapter: {
      fetch: async (url, { method, body }) => ({ status: 201, statusText: "Made", headers: { "x-y": "z" }, body: `${method} ${url} ${String(body)}` }),
      httpRequest: () => Promise.reject(new Error("not used")),
      dnsLookup: async (hostname) =>
        hostname === "known" ? { address: "192.0.2.1", family: 4 } : { error: "unknown", code: "ENOTFOUND" },
    },
    permissions: { network: true },
  });
  assert.equal(fake.created[0]?.hostNetwork, true);
  const resolved = await guest.reply(guest.ask({ case: "network", value: { call: { case: "resolve", value: { hostname: "known" } } } }), "network");
  assert.ok(resolved.value.result.case === "addresses");
  assert.deepEqual(resolved.value.result.value.addresses, ["192.0.2.1"]);
  const unknown = await guest.reply(guest.ask({ case: "network", value: { call: { case: "resolve", value: { hostname: "x" } } } }), "error");
  assert.equal(unknown.value.code, "ENOTFOUND");
  const id = guest.ask({ case: "network", value: { call: { case: "http", value: { url: "http://known/p", method: "POST", isFetch: true } } } });
  guest.ask({ case: "data", value: { bytes: bytes("body"), end: false } }, id);
  guest.ask({ case: "data", value: { bytes: bytes(""), end: true } }, id);
  const answer = await guest.reply(id, "network");
  assert.ok(answer.value.result.case === "response");
  assert.equal(answer.value.result.value.head?.status, 201);
  assert.equal(text((await guest.reply(id, "data")).value.bytes), "POST http://known/p body");
  await runtime.dispose();
  await fake[Symbol.asyncDispose]();
});

test("the first generation denies what is not permitted, and lets only permitted variables through", async () => {
  const { fake, runtime } = await driven({
    permissions: { env: (request) => ["PATH", "HOME"].includes(request.name) && request.key === request.name, fs: true },
    processConfig: { env: { HOME: "/app", SECRET: "x" }, cwd: "/app" },
    commandExecutor: { spawn: () => assert.fail("nothing is spawned") },
  });
  const [created] = fake.created;
  assert.deepEqual(created?.env, { HOME: "/app" });
  assert.equal(created?.permissions?.fs?.fallback, Decision.ALLOW);
  assert.equal(created?.permissions?.network?.fallback, Decision.DENY);
  assert.equal(created?.permissions?.childProcess?.fallback, Decision.DENY);
  await runtime.dispose();
  await fake[Symbol.asyncDispose]();
});
