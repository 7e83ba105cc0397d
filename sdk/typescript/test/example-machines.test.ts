/** What the code blocks under `examples/` build, put to work: on real machines, guests are allowed and refused what the documents say. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { createNodeDriver, createNodeRuntimeDriverFactory, NodeRuntime, allowAllFs, type ExecOptions, type SystemDriver } from "../src/index.js";
import { driver as permissionGating } from "../examples/000-2-permission-gating.js";
import { driver as executor } from "../examples/000-3-custom-executor.js";
import { driver as processConfiguration } from "../examples/000-4-process-configuration.js";
import { driver as basic } from "../examples/001-1-basic-setup.js";
import { driver as capabilities } from "../examples/001-2-configuring-capabilities.js";
import { driver as functionPermissions } from "../examples/001-3-function-permissions.js";
import { driver as filesAndNetwork, permissive } from "../examples/001-4-allow-all.js";
import { driver as memoryFiles } from "../examples/001-5-filesystem.js";
import { driver as moduleAccess } from "../examples/001-6-module-access.js";
import { driver as hostExecutor } from "../examples/001-8-custom-executor.js";
import { driver as processAndOs } from "../examples/001-9-process-and-os.js";
import { driver as everything, selective } from "../examples/002-1-permission-helpers.js";
import { driver as functionChecks } from "../examples/002-2-function-checks.js";
import { driver as booleanOrAsync } from "../examples/002-3-permissions-type.js";

/** What guests try: a value, or the code of the error. */
const PRELUDE = `
  const fs = require("node:fs");
  const { spawnSync } = require("node:child_process");
  const attempt = (f) => { try { return f() ?? "done"; } catch (error) { return error.code; } };
  const read = (path) => attempt(() => fs.readFileSync(path, "utf8"));
  const write = (path) => attempt(() => fs.writeFileSync(path, "written"));
  const start = (command, ...args) => { const { error, stdout } = spawnSync(command, args, { encoding: "utf8" }); return error?.code ?? stdout.trim(); };
  const get = (url) => fetch(url).then(() => "done", (error) => error.cause?.code ?? error.message);
`;

/** The values of the expressions, in a guest of the driver. */
async function seen(driver: SystemDriver, expressions: string, options: ExecOptions = {}): Promise<unknown> {
  await using runtime = new NodeRuntime({ systemDriver: driver, runtimeDriverFactory: createNodeRuntimeDriverFactory() });
  const { stdout, stderr } = await runtime.exec(`${PRELUDE} console.log(JSON.stringify([${expressions}]));`, options);
  assert.equal(stderr, "");
  return JSON.parse(stdout);
}

describe("examples at work", { concurrency: 2 }, () => {
  test("000: the permission function lets the commands through that it names", async () => {
    assert.deepEqual(await seen(permissionGating, `start("echo", "hi"), start("node", "-p", "6 * 7"), start("ls")`), ["hi", "42", "EACCES"]);
  });

  test("000: the custom executor runs what guests start", async () => {
    assert.deepEqual(await seen(executor, `start("anything", "a", "b")`), ["anything a b"]);
  });

  test("000: the process is configured; its environment needs permission", async () => {
    const all = `process.cwd(), process.argv, process.platform, process.arch, process.env.NODE_ENV ?? null`;
    assert.deepEqual(await seen(processConfiguration, all), ["/app", ["node", "script.js"], "linux", "x64", null]);
  });

  test("001: without options everything is denied", async () => {
    const denied = await seen(basic, `read("/etc/passwd"), write("/tmp/x"), start("echo"), (await get("http://127.0.0.1:1")) !== "done"`);
    assert.deepEqual(denied, ["EACCES", "EACCES", "EACCES", true]);
  });

  test("001: configured capabilities are there, the others are not", async () => {
    const all = `write("x"), read("/app/x"), process.cwd(), start("echo"), process.env.NODE_ENV ?? null`;
    assert.deepEqual(await seen(capabilities, all), ["done", "written", "/app", "EACCES", null]);
  });

  test("001: functions decide by path, command and variable", async () => {
    const all = `write("/tmp/x"), read("/tmp/x"), write("/root/x"), read("/etc/passwd"), start("ls", "/tmp"), start("cat"), process.env.NODE_ENV, process.env.SECRET ?? null`;
    const options = { env: { NODE_ENV: "test", SECRET: "s" } };
    assert.deepEqual(await seen(functionPermissions, all, options), ["done", "written", "EACCES", "EACCES", "x", "EACCES", "test", null]);
  });

  test("001 and 002: helpers allow their scopes, and all together everything", async () => {
    const all = `write("/tmp/x"), start("echo", "hi")`;
    assert.deepEqual(await seen(filesAndNetwork, all), ["done", "EACCES"]);
    assert.deepEqual(await seen(selective, all), ["done", "EACCES"]);
    assert.deepEqual(await seen(permissive, all), ["done", "hi"]);
    assert.deepEqual(await seen(everything, all), ["done", "hi"]);
  });

  test("001: a filesystem of the embedder's stays behind the permission, and shows its files with it", async () => {
    assert.deepEqual(await seen(memoryFiles, `read("/app/data.json")`), ["EACCES"]);
    const open = createNodeDriver({ ...memoryFiles.options, permissions: allowAllFs });
    assert.deepEqual(await seen(open, `read("/app/data.json"), write("/app/more")`), ['{"key": "value"}', "done"]);
    assert.equal(Buffer.from((await memoryFiles.options.filesystem?.readFile("/app/more")) ?? []).toString(), "written");
  });

  test("001: the modules of the project that is named are asked for", async () => {
    await assert.rejects(seen(moduleAccess, `1`), { code: "INVALID_OPTION", option: "moduleAccess.cwd" });
    const here = createNodeDriver({ moduleAccess: { cwd: process.cwd() } });
    assert.deepEqual(await seen(here, `typeof require("zod").z.object, write("/root/node_modules/x")`), ["function", "EACCES"]);
  });

  test("001: the executor on the host runs what the permission lets through", async () => {
    assert.deepEqual(await seen(hostExecutor, `start("node", "-p", "6 * 7"), start("ls")`), ["42", "EACCES"]);
  });

  test("001: process and operating system are configured", async () => {
    const all = `process.cwd(), process.platform, require("os").platform(), require("os").arch(), process.env.API_KEY ?? null`;
    assert.deepEqual(await seen(processAndOs, all), ["/app", "linux", "linux", "x64", null]);
  });

  test("002: function checks allow reads and block writes, and the commands they do not name", async () => {
    const all = `typeof read("/etc/hostname"), write("/tmp/x"), start("node", "-p", "1"), start("ls"), process.env.HOME, process.env.OTHER ?? null`;
    const options = { env: { HOME: "/home/me", OTHER: "x" } };
    assert.deepEqual(await seen(functionChecks, all, options), ["string", "EACCES", "1", "EACCES", "/home/me", null]);
  });

  test("002: a check is a boolean or an async function", async () => {
    assert.deepEqual(await seen(booleanOrAsync, `typeof read("/etc/hostname"), write("/tmp/x"), start("ls")`), ["string", "EACCES", "EACCES"]);
    assert.deepEqual(await seen(booleanOrAsync, `process.env.ANY`, { env: { ANY: "x" } }), ["x"]);
  });

  test("002: the full example's machine writes, and reaches neither localhost nor programs", async () => {
    const driver = createNodeDriver({
      useDefaultNetwork: true,
      permissions: { fs: allowAllFs, network: (req) => req.hostname !== "localhost", childProcess: false },
    });
    const [written, blocked, started] = (await seen(driver, `write("/tmp/test.txt"), await get("http://localhost:8080"), start("ls")`)) as string[];
    assert.deepEqual([written, started], ["done", "EACCES"]);
    assert.notEqual(blocked, "done");
  });
});
