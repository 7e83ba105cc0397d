/** `new NodeRuntime({ systemDriver, runtimeDriverFactory })` on a real sidecar. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import {
  allowAll,
  allowAllFs,
  createDefaultNetworkAdapter,
  createInMemoryFileSystem,
  createNodeDriver,
  createNodeRuntimeDriverFactory,
  NodeRuntime,
  OptionError,
  type NodeDriverOptions,
  type NodeRuntimeOptions,
} from "../src/index.js";

function runtime(driver: NodeDriverOptions, options: Partial<NodeRuntimeOptions> = {}): NodeRuntime {
  return new NodeRuntime({
    systemDriver: createNodeDriver(driver),
    runtimeDriverFactory: createNodeRuntimeDriverFactory(),
    ...options,
  });
}

test("code may use require and await, return, or be a module", async () => {
  await using rt = runtime({ permissions: allowAll });
  const seen: string[] = [];
  await using listening = runtime({ permissions: allowAll }, { onStdio: ({ channel, message }) => seen.push(`${channel} ${message}`) });
  assert.equal((await rt.exec(`const os = require("os"); await 0; console.log(os.platform()); return;`)).stdout, "linux\n");
  assert.equal((await rt.exec(`import os from "node:os"; await 0; console.log(os.platform())`)).stdout, "linux\n");
  assert.equal((await listening.exec("console.log('hi')")).code, 0);
  assert.deepEqual(seen, ["stdout hi\n"]);
  const failed = await rt.exec(`throw new TypeError("no")`);
  assert.equal(failed.code, 1);
  assert.match(failed.errorMessage ?? "", /TypeError: no/);
});

test("run brings back what code exports", async () => {
  await using rt = runtime({ permissions: allowAll });
  assert.deepEqual((await rt.run(`module.exports = { a: [1, 2] }`)).exports, { a: [1, 2] });
  assert.deepEqual((await rt.run(`export const b = 3; export default "x"`)).exports, { b: 3, default: "x" });
});

test("everything is denied until it is permitted", async () => {
  await using rt = runtime({ processConfig: { env: { SECRET: "x" } } });
  const out = await rt.exec(`
    const code = (attempt) => { try { attempt(); return "allowed"; } catch (error) { return error.code; } };
    console.log(
      code(() => require("fs").readFileSync("/etc/passwd")),
      code(() => require("fs").writeFileSync("/tmp/x", "")),
      require("child_process").spawnSync("node", ["--version"]).error?.code,
      process.env.SECRET,
    );
  `);
  assert.equal(out.stdout, "EACCES EACCES EACCES undefined\n", out.stderr);
});

test("presets permit, whole or spread", async () => {
  await using rt = runtime({ permissions: { ...allowAllFs, env: true, childProcess: true }, processConfig: { env: { GIVEN: "y" } } });
  const out = await rt.exec(`
    const fs = require("fs");
    fs.writeFileSync("/tmp/x", "written");
    console.log(fs.readFileSync("/tmp/x", "utf8"), process.env.GIVEN, require("child_process").execFileSync("node", ["-p", "6 * 7"]).toString().trim());
  `);
  assert.equal(out.stdout, "written y 42\n", out.stderr);
});

test("processConfig and osConfig are what the guest sees", async () => {
  await using rt = runtime({
    permissions: allowAll,
    processConfig: { cwd: "/app", env: { NODE_ENV: "production" }, argv: ["node", "script.js"], platform: "linux", arch: "x64" },
    osConfig: { hostname: "guest", platform: "linux" },
  });
  const out = await rt.exec(
    `const os = require("os"); console.log(process.cwd(), process.env.NODE_ENV, process.argv.join(), process.platform, process.arch, os.hostname())`,
  );
  assert.equal(out.stdout, "/app production node,script.js linux x64 guest\n", out.stderr);
});

test("processConfig and osConfig reach everybody who asks for the system", async () => {
  await using rt = runtime({
    permissions: allowAll,
    processConfig: { arch: "arm64" },
    osConfig: {
      platform: "darwin",
      release: "24.1.0",
      version: "Darwin Kernel Version 24.1.0",
      hostname: "guest",
      homedir: "/Users/guest",
      tmpdir: "/private/tmp",
      cpus: 3,
    },
  });
  const out = await rt.exec(`
    const os = require("os");
    const { execFileSync } = require("child_process");
    const fs = require("fs");
    fs.writeFileSync(os.tmpdir() + "/x", "");
    fs.writeFileSync(os.homedir() + "/y", "");
    console.log(process.platform, process.arch, os.platform(), os.arch(), os.type(), os.machine(), os.release(), os.version());
    console.log(os.hostname(), os.homedir(), os.userInfo().homedir, os.tmpdir(), os.cpus().length, os.availableParallelism(), navigator.hardwareConcurrency);
    console.log(execFileSync("sh", ["-c", "uname -snrvm; nproc; echo ~ $TMPDIR; cat /proc/sys/kernel/osrelease"]).toString().trim());
  `);
  assert.equal(
    out.stdout,
    [
      "darwin arm64 darwin arm64 Darwin arm64 24.1.0 Darwin Kernel Version 24.1.0",
      "guest /Users/guest /Users/guest /private/tmp 3 3 3",
      "Darwin guest 24.1.0 Darwin Kernel Version 24.1.0 arm64",
      "3",
      "/Users/guest /private/tmp",
      "24.1.0\n",
    ].join("\n"),
    out.stderr,
  );
});

test("what a guest cannot be told truthfully is refused with the reason", async () => {
  const refused = async (driver: NodeDriverOptions): Promise<string> => {
    try {
      await using rt = runtime(driver);
      await rt.exec("0");
    } catch (error) {
      assert.ok(error instanceof OptionError);
      return error.message;
    }
    return "made";
  };
  assert.match(await refused({ osConfig: { platform: "win32" } }), /^osConfig\.platform: `win32` cannot be pretended: paths, .* linux, darwin/);
  assert.match(await refused({ processConfig: { arch: "s390x" } }), /^processConfig\.arch: `s390x` .* little-endian/);
  assert.match(await refused({ processConfig: { platform: "linux" }, osConfig: { platform: "darwin" } }), /^osConfig\.platform: .*process\.platform/);
  assert.match(await refused({ processConfig: { pid: 7 } as never }), /^processConfig\.pid: it cannot be set: .*kill/);
  assert.match(await refused({ osConfig: { colour: "red" } as never }), /^osConfig\.colour: there is no such option/);
  assert.match(await refused({ osConfig: { cpus: 0 } }), /^osConfig\.cpus: 0 is not from 1 to 1024/);
  assert.match(await refused({ osConfig: { tmpdir: "tmp" } }), /^osConfig\.tmpdir: "tmp" is not an absolute path/);
});

test("an in-memory filesystem is the guest's: both see one another's changes, also after the end", async () => {
  const fs = createInMemoryFileSystem();
  await fs.writeFile("/app/data.json", '{"key": "value"}');
  const rt = runtime({ filesystem: fs, permissions: { fs: true } });
  const out = await rt.exec(`
    const fs = require("fs");
    console.log(JSON.parse(fs.readFileSync("/app/data.json", "utf8")).key);
    fs.writeFileSync("/app/out.txt", "from the guest");
  `);
  assert.equal(out.stdout, "value\n", out.stderr);
  assert.equal(await fs.readTextFile("/app/out.txt"), "from the guest");
  await fs.writeFile("/app/late.txt", "from the embedder");
  assert.equal((await rt.exec(`console.log(require("fs").readFileSync("/app/late.txt", "utf8"))`)).stdout, "from the embedder\n");
  await rt.dispose();
  assert.equal(await fs.readTextFile("/app/out.txt"), "from the guest");
  assert.deepEqual((await fs.readDir("/app")).sort(), ["data.json", "late.txt", "out.txt"]);
});

test("modules of the host are at /root/node_modules, read-only, without any permission", async (t) => {
  const project = mkdtempSync(join(tmpdir(), "project-"));
  t.after(() => rmSync(project, { recursive: true }));
  mkdirSync(join(project, "node_modules/answer"), { recursive: true });
  writeFileSync(join(project, "node_modules/answer/index.js"), "module.exports = 42;");
  await using rt = runtime({ moduleAccess: { cwd: project } });
  assert.equal((await rt.exec(`console.log(require("answer"))`)).stdout, "42\n");
  const written = await rt.exec(`
    try { require("fs").writeFileSync("/root/node_modules/answer/index.js", ""); } catch (error) { console.log(error.code); }
  `);
  assert.equal(written.stdout, "EACCES\n", written.stderr);
});

test("the network is closed without an adapter and a permission, and guarded with both", async (t) => {
  const server = createServer((_, response) => response.end("from the host")).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  const attempt = `console.log(await fetch("http://127.0.0.1:${port}/").then((response) => response.text(), () => "refused"))`;
  const drivers: [NodeDriverOptions, string][] = [
    [{ permissions: allowAll, loopbackExemptPorts: [port] }, "refused"],
    [{ useDefaultNetwork: true, permissions: allowAllFs, loopbackExemptPorts: [port] }, "refused"],
    [{ useDefaultNetwork: true, permissions: allowAll }, "refused"],
    [{ useDefaultNetwork: true, permissions: allowAll, loopbackExemptPorts: [port] }, "from the host"],
    [{ networkAdapter: createDefaultNetworkAdapter({ loopbackExemptPorts: [port] }), permissions: allowAll }, "from the host"],
  ];
  for (const [driver, answer] of drivers) {
    await using rt = runtime(driver);
    const out = await rt.exec(attempt);
    assert.equal(out.stdout, `${answer}\n`, `${Object.keys(driver).join()}: ${out.stderr}`);
  }
});

test("a module directory that was asked for has to be there", async () => {
  await assert.rejects(runtime({ moduleAccess: { cwd: "/path/to/your/project" } }).exec("1"), {
    code: "INVALID_OPTION",
    option: "moduleAccess.cwd",
  });
});

test("the memory limit ends the guest, not the machine", async () => {
  await using rt = runtime({ permissions: allowAll }, { memoryLimit: 32 });
  const out = await rt.exec("const all = []; for (;;) all.push(new Array(1e5).fill(all.length));");
  assert.notEqual(out.code, 0);
  assert.equal((await rt.exec("console.log('alive')")).stdout, "alive\n");
});

test("dispose without a call does nothing; calls after it fail", async () => {
  const rt = runtime({});
  await rt.dispose();
  await assert.rejects(rt.exec("1"), { code: "VM_DISPOSED" });
});
