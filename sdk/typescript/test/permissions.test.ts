/** Permissions: the presets, and rules as data. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { allowAll, allowAllChildProcess, allowAllEnv, allowAllFs, allowAllNetwork, createNodeDriver, NodeRuntime } from "../src/index.js";
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
  assert.throws(() => compilePermissions({ env: { rules: [{ mode: "ask" }], ask } }, false), { option: "permissions.env" });
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
