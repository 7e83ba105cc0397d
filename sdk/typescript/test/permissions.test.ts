/** Permissions: the presets, and rules as data. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";

import {
  allowAll,
  allowAllChildProcess,
  allowAllEnv,
  allowAllFs,
  allowAllNetwork,
  createNodeDriver,
  NodeRuntime,
  type CenoteError,
  type MachineEvent,
  type Permissions,
} from "../src/index.js";
import { Decision } from "../src/gen/cenote/v1/vms_pb.js";
import { compilePermissions, permittedEnv } from "../src/permissions/compile.js";

test("presets are used whole or spread, and need no asking", () => {
  for (const permissions of [{ fs: allowAllFs, network: allowAllNetwork }, { ...allowAllFs, ...allowAllNetwork }]) {
    const { wire, answers } = compilePermissions(permissions, true);
    assert.deepEqual(answers, {});
    assert.equal(wire.fs?.fallback, Decision.ALLOW);
    assert.equal(wire.network?.fallback, Decision.ALLOW);
    assert.equal(wire.childProcess?.fallback, Decision.DENY);
  }
  assert.deepEqual(Object.keys(allowAll).sort(), ["childProcess", "env", "fs", "network"]);
  assert.deepEqual({ ...allowAllChildProcess, ...allowAllEnv }, { childProcess: allowAll.childProcess, env: allowAll.env });
  assert.deepEqual(allowAllFs({ op: "read", operation: "read", path: "/" }), { allow: true });
});

test("rules as data keep their order, reasons and defaults", () => {
  const { wire } = compilePermissions(
    {
      fs: { default: "allow", rules: [{ mode: "deny", operations: ["write"], paths: ["/etc/**"], reason: "no" }, { mode: "allow", paths: ["/etc/x"] }] },
      network: { rules: [{ mode: "allow", patterns: ["example.com:443"] }] },
    },
    false,
  );
  assert.deepEqual(wire.fs, {
    fallback: Decision.ALLOW,
    rules: [
      { decision: Decision.DENY, operations: ["write"], patterns: ["/etc/**"], reason: "no" },
      { decision: Decision.ALLOW, operations: [], patterns: ["/etc/x"], reason: "" },
    ],
  });
  assert.equal(wire.network?.fallback, Decision.UNSPECIFIED);
});

test("variables pass only as permitted", async () => {
  const env = { A: "1", B: "2" };
  assert.deepEqual(await permittedEnv(env, undefined, true), {});
  assert.deepEqual(await permittedEnv(env, undefined, false), env);
  assert.deepEqual(await permittedEnv(env, allowAllEnv, true), env);
  assert.deepEqual(await permittedEnv(env, async ({ name, value }) => name === "B" && value === "2", true), { B: "2" });
  assert.deepEqual(await permittedEnv(env, false, false), {});
});

test("a driver refuses options it does not have", () => {
  assert.throws(() => createNodeDriver({ filesytem: {} } as object), { code: "INVALID_OPTION", option: "filesytem" });
});

test("a rule that asks needs somebody to ask", () => {
  const ask = () => true;
  const { wire, answers } = compilePermissions({ fs: { default: "deny", rules: [{ mode: "ask", paths: ["/data/**"] }], ask } }, false);
  assert.equal(wire.fs?.fallback, Decision.DENY);
  assert.equal(wire.fs?.rules?.[0]?.decision, Decision.ASK);
  assert.equal(answers.fs, ask);
  // Rules that ask for nothing leave the function alone.
  assert.deepEqual(compilePermissions({ fs: { rules: [{ mode: "deny" }], ask } }, false).answers, {});
  assert.throws(() => compilePermissions({ fs: { rules: [{ mode: "ask" }] } }, false), { option: "permissions.fs.ask" });
  assert.equal(compilePermissions({ env: { rules: [{ mode: "ask" }], ask } }, false).answers.env, ask);
});

test("only what a rule asks for is asked, and the rest is data", async () => {
  const asked = new Set<string>();
  await using rt = await NodeRuntime.create({
    files: { "/data/a": "a\n", "/data/b": "b\n", "/data/c": "c\n", "/other": "o\n" },
    permissions: {
      fs: {
        default: "allow",
        rules: [
          { mode: "ask", paths: ["/data/*"] },
          { mode: "deny", paths: ["/data/c"] },
        ],
        ask: async ({ op, path }) => {
          asked.add(`${op} ${path}`);
          return { allow: path === "/data/a", reason: "not this one" };
        },
      },
    },
  });
  const out = await rt.shell("cat /data/a /other; cat /data/b; cat /data/c");
  assert.equal(out.stdout, "a\no\n", out.stderr);
  assert.deepEqual([...asked].sort(), ["read /data/a", "read /data/b"]);
});

test("a function is told the operation, its kind and both paths, and what is really executed", async () => {
  const asked = new Set<string>();
  const commands: string[] = [];
  await using rt = await NodeRuntime.create({
    files: { "/data/a": "a\n" },
    permissions: {
      fs: ({ op, operation, path, destination }) => {
        if (path.startsWith("/data/")) asked.add([op, operation, path, destination ?? "-"].join(" "));
        return op !== "rm";
      },
      childProcess: ({ command, cwd, env }) => {
        commands.push(`${command} ${cwd} ${env?.["TOLD"]}`);
        return command === "node";
      },
    },
  });
  const out = await rt.exec(`
    import fs from "node:fs";
    import { spawnSync } from "node:child_process";
    fs.readFileSync("/data/a");
    fs.mkdirSync("/data/d");
    fs.renameSync("/data/a", "/data/b");
    try { fs.rmSync("/data/b"); } catch (error) { console.log(error.code); }
    console.log(spawnSync("/bin/sh", ["-c", "echo pwned"], { argv0: "node", cwd: "/tmp", env: { TOLD: "yes" } }).error?.code);`);
  assert.equal(out.stdout, "EACCES\nEACCES\n", out.stderr);
  for (const line of ["read read /data/a -", "mkdir write /data/d -", "rename write /data/a /data/b", "rm write /data/b -"]) {
    assert.ok(asked.has(line), `${line}: ${[...asked].join(", ")}`);
  }
  assert.equal(commands.length, 1);
  assert.match(commands[0] ?? "", /^\/.* \/tmp yes$/);
});

test("exempt ports are exceptions to the guard, not to the permission", async () => {
  const server = createServer((_, response) => response.end("reached"));
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  try {
    const asked: string[] = [];
    await using rt = await NodeRuntime.create({
      loopbackExemptPorts: [port],
      permissions: {
        network: ({ op, hostname, port }) => {
          asked.push(`${op} ${hostname} ${port}`);
          return false;
        },
      },
    });
    const out = await rt.exec(`await fetch("http://127.0.0.1:${port}").then(() => console.log("reached"), () => console.log("refused"))`);
    assert.equal(out.stdout, "refused\n", out.stderr);
    assert.ok(asked.includes(`connect 127.0.0.1 ${port}`), asked.join(", "));
  } finally {
    server.close();
  }
});

/** The refusals that are told until one is about `last`. */
async function refusals(events: AsyncIterable<MachineEvent>, last: string): Promise<string[]> {
  const told: string[] = [];
  for await (const event of events) {
    if (event.type !== "refusal") continue;
    told.push([event.permission, event.operation, event.subject, event.reason].join(" | "));
    if (event.subject === last) break;
  }
  return told;
}

test("reasons reach the guest's error and the events, a function's and a rule's", async () => {
  await using rt = await NodeRuntime.create({
    files: { "/data/a": "a\n", "/data/b": "b\n" },
    permissions: {
      fs: {
        rules: [
          { mode: "deny", operations: ["open_read"], paths: ["/data/a"], reason: "a is private" },
          { mode: "ask", operations: ["open_read"], paths: ["/data/b"] },
        ],
        ask: () => ({ allow: false, reason: "b is for others" }),
      },
      network: { rules: [{ mode: "deny", operations: ["listen"], patterns: ["*:4000"], reason: "another port, please" }] },
      childProcess: { rules: [{ mode: "deny", operations: ["spawn"], patterns: ["ls"] }] },
    },
  });
  await using events = await rt.events();
  const out = await rt.exec(`
    import fs from "node:fs";
    import net from "node:net";
    import { spawnSync } from "node:child_process";
    for (const name of ["a", "b"]) {
      try { fs.readFileSync("/data/" + name); } catch (error) { console.log(error.message); }
    }
    await new Promise((done) => net.createServer().on("error", (error) => { console.log(error.code); done(); }).listen(4000, "127.0.0.1"));
    console.log(spawnSync("ls").error.code, spawnSync("cat", { input: "runs" }).stdout.toString());`);
  assert.deepEqual(
    out.stdout.trim().split("\n"),
    [
      "EACCES: permission denied, open '/data/a': a is private",
      "EACCES: permission denied, open '/data/b': b is for others",
      "EACCES",
      "EACCES runs",
    ],
    out.stderr,
  );
  assert.deepEqual(await refusals(events, "127.0.0.1:4000"), [
    "fs | read | /data/a | a is private",
    "fs | read | /data/b | b is for others",
    "network | listen | 127.0.0.1:4000 | another port, please",
  ]);
});

test("variables are asked for by rules, and what a rule or a function keeps back is told", async () => {
  const asked: string[] = [];
  await using rt = await NodeRuntime.create({
    env: { TOKEN: "t", PLAIN: "p", ASKED_A: "a", ASKED_B: "b" },
    permissions: {
      env: {
        default: "allow",
        rules: [
          { mode: "deny", patterns: ["TOKEN"], reason: "tokens stay outside" },
          { mode: "ask", patterns: ["ASKED_*"] },
        ],
        ask: async ({ op, key, value }) => {
          asked.push(`${op} ${key}=${value}`);
          return { allow: key === "ASKED_A", reason: "not this one" };
        },
      },
    },
  });
  await using events = await rt.events();
  const out = await rt.shell('echo "$TOKEN,$PLAIN,$ASKED_A,$ASKED_B"');
  assert.equal(out.stdout, ",p,a,\n", out.stderr);
  assert.deepEqual(asked, ["read ASKED_A=a", "read ASKED_B=b"]);
  assert.deepEqual(await refusals(events, "ASKED_B"), ["env | read | TOKEN | tokens stay outside", "env | read | ASKED_B | not this one"]);

  await using other = await NodeRuntime.create({
    env: { A: "1", B: "2" },
    permissions: { env: ({ key }) => ({ allow: key === "A", reason: `no ${key}` }) },
  });
  await using told = await other.events();
  await other.shell(":", { env: { C: "3" } });
  assert.deepEqual(await refusals(told, "C"), ["env | read | B | no B", "env | read | C | no C"]);
});

test("a rule that could match nothing is refused, and so is an operation that there is not", async () => {
  const made = async (permissions: Permissions): Promise<void> => {
    await using _rt = await NodeRuntime.create({ permissions });
  };
  await assert.rejects(made({ fs: { rules: [{ mode: "deny", paths: ["/bin/ls"] }] } }), (error: CenoteError) => {
    assert.match(error.message, /`\/bin\/ls` leads over a link to `\//);
    return error.option === "permissions.files";
  });
  const unknown = { env: { rules: [{ mode: "deny", operations: ["write" as "read"] }] } } as const;
  await assert.rejects(made(unknown), { option: "permissions.env" });
});
