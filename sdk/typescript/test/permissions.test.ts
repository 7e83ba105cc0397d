/** Permissions: the presets, and rules as data. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { allowAll, allowAllChildProcess, allowAllEnv, allowAllFs, allowAllNetwork, createNodeDriver } from "../src/index.js";
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
