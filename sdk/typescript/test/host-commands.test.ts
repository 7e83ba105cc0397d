/** Programs of the embedder, started by guests of a real machine. */
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  allowAllChildProcess,
  createNodeDriver,
  createNodeRuntimeDriverFactory,
  NodeRuntime,
  type CommandExecutor,
  type SpawnedProcess,
} from "../src/index.js";

type SpawnOptions = Parameters<CommandExecutor["spawn"]>[2];

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array | string): string => (typeof data === "string" ? data : new TextDecoder().decode(data));

/** A program of the test's: it lives until it is told to end. */
function program(options: SpawnOptions, on: { input?: (chunk: string) => void; close?: () => number; signal?: (signal?: number) => number | undefined }): SpawnedProcess {
  let end!: (code: number) => void;
  const ended = new Promise<number>((resolve) => (end = resolve));
  return {
    writeStdin: (data) => on.input?.(text(data)),
    closeStdin: () => {
      const code = on.close?.();
      if (code !== undefined) end(code);
    },
    kill: (signal) => {
      const code = on.signal?.(signal);
      if (code !== undefined) end(code);
    },
    wait: () => ended,
  };
}

const executor: CommandExecutor = {
  spawn(command, args, options) {
    switch (command) {
      case "upper": {
        return program(options, {
          input: (chunk) => options.onStdout?.(bytes(chunk.toUpperCase())),
          close: () => 0,
        });
      }
      case "about":
        options.onStdout?.(bytes(JSON.stringify([args, options.cwd, options.env?.["TOPIC"]])));
        options.onStderr?.(bytes("to stderr"));
        return program(options, { close: () => 3 });
      case "large": {
        const size = Number(args[0]);
        options.onStdout?.(new Uint8Array(size).fill(120));
        return { ...program(options, {}), wait: () => Promise.resolve(0) };
      }
      case "waits":
        options.onStdout?.(bytes("ready\n"));
        return program(options, {
          signal: (signal) => {
            options.onStdout?.(bytes(`signal ${signal}`));
            return 5;
          },
        });
      default: {
        throw Object.assign(new Error(`there is no ${command}`), { code: "ENOENT" });
      }
    }
  },
};

test("guests of the first generation start what the executor has, and nothing else", async () => {
  await using rt = new NodeRuntime({
    systemDriver: createNodeDriver({ commandExecutor: executor, permissions: { ...allowAllChildProcess, fs: true } }),
    runtimeDriverFactory: createNodeRuntimeDriverFactory(),
  });
  const out = await rt.exec(`
    const { spawnSync, spawn, execFile } = require("node:child_process");
    const { promisify } = require("node:util");
    console.log(spawnSync("upper", { input: "in", encoding: "utf8" }).stdout);
    const about = spawnSync("about", ["a", "b c"], { cwd: "/tmp", env: { TOPIC: "t" }, encoding: "utf8" });
    console.log(about.status, about.stdout, about.stderr);
    console.log(spawnSync("ls").error.code, spawnSync(process.execPath, ["--version"]).error.code);
    const large = await promisify(execFile)("large", ["3000000"], { maxBuffer: 4e6 });
    console.log(large.stdout.length);
    const waits = spawn("waits");
    let heard = "";
    waits.stdout.on("data", (chunk) => { heard += chunk; if (heard === "ready\\n") waits.kill("SIGTERM"); });
    console.log(await new Promise((resolve) => waits.on("close", (...how) => resolve(how))), JSON.stringify(heard));
  `);
  assert.equal(
    out.stdout,
    'IN\n3 [["a","b c"],"/tmp","t"] to stderr\nENOENT ENOENT\n3000000\n[ 5, null ] "ready\\nsignal 15"\n',
    out.stderr,
  );
});

test("a permission function is asked for the program that would be started", async () => {
  await using rt = new NodeRuntime({
    systemDriver: createNodeDriver({
      commandExecutor: executor,
      permissions: { childProcess: (request) => ({ allow: ["upper"].includes(request.command), reason: `Blocked command: ${request.command}` }) },
    }),
    runtimeDriverFactory: createNodeRuntimeDriverFactory(),
  });
  const out = await rt.exec(`
    const { spawnSync } = require("node:child_process");
    console.log(spawnSync("upper", { input: "x" }).status, spawnSync("about").error.code, spawnSync("about", { argv0: "upper" }).error.code);
  `);
  assert.equal(out.stdout, "0 EACCES EACCES\n", out.stderr);
});

test("some names only: beside the machine's own programs, and found by its shell", async () => {
  await using rt = await NodeRuntime.create({ hostCommands: { executor, only: ["upper", "about"] } });
  const out = await rt.shell("which upper; echo hi | upper | cat; about </dev/null >/dev/null 2>&1; echo $?; large 1; echo $?");
  assert.equal(out.stdout, "/usr/local/bin/upper\nHI\n3\n127\n", out.stderr);
});

test("an executor whose program never ends does not outlive the guest that waits for it", async () => {
  const killed: (number | undefined)[] = [];
  const stubborn: CommandExecutor = {
    spawn: (_command, _args, options) => program(options, { signal: (signal) => void killed.push(signal) }),
  };
  await using rt = await NodeRuntime.create({ hostCommands: { executor: stubborn, only: ["stubborn"] } });
  const out = await rt.exec(`
    import { spawnSync } from "node:child_process";
    console.log(spawnSync("stubborn", { timeout: 50, killSignal: "SIGKILL" }).signal);
  `);
  assert.equal(out.stdout, "SIGKILL\n", out.stderr);
  // The guest's end and the executor's notice of it come over different ways, in any order; what is cancelled is killed once more.
  while (killed.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual([...new Set(killed)], [9]);
});

test("an executor that throws, rejects or answers anything fails the one command; the next one runs", async () => {
  const thrown = (): never => {
    throw new Error("broken");
  };
  const kinds: Record<string, (options: SpawnOptions) => unknown> = {
    kill: () => ({ ...program({}, {}), kill: thrown }),
    input: () => ({ ...program({}, {}), writeStdin: thrown, closeStdin: thrown }),
    wait: () => ({ ...program({}, {}), wait: () => Promise.reject(Object.create(null)) }),
    code: () => ({ ...program({}, {}), wait: () => Promise.resolve("zero") }),
    later: () => Promise.reject(new Error("later")),
    output: (options) => (options.onStdout?.(5 as never), program(options, {})),
    nothing: () => undefined,
    fine: () => ({ ...program({}, {}), wait: () => Promise.resolve(7) }),
  };
  await using rt = await NodeRuntime.create({
    hostCommands: { executor: { spawn: (command, _, options) => kinds[command]?.(options) as SpawnedProcess }, only: Object.keys(kinds) },
  });
  const out = await rt.exec(`
    import { spawn } from "node:child_process";
    const end = (name, act = () => {}) => new Promise((resolve) => {
      let child;
      try { child = spawn(name); } catch { return resolve("failed"); }
      child.on("error", () => resolve("failed")).on("exit", (code) => resolve(code === 0 ? "0" : "failed"));
      child.stdin.on("error", () => {});
      child.on("spawn", () => act(child));
    });
    console.log(await end("kill", (child) => child.kill()), await end("input", (child) => child.stdin.end("x")));
    for (const name of ["wait", "code", "later", "output", "nothing"]) console.log(await end(name));
    console.log(await new Promise((resolve) => spawn("fine").on("exit", resolve)));
  `, { timeout: 60_000 });
  assert.equal(out.stdout, "failed failed\nfailed\nfailed\nfailed\nfailed\nfailed\n7\n", out.stderr);
});
