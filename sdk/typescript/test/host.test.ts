/** What the embedder answers, asked by real guests over the real sidecar. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";

import { hostFunction, NodeRuntime } from "../src/index.js";

test("guests and the shell call functions of the embedder", async () => {
  await using rt = await NodeRuntime.create({
    hostFunctions: {
      tools: {
        add: hostFunction({
          description: "Adds two numbers",
          inputSchema: z.object({ a: z.number(), b: z.number() }),
          execute: async ({ a, b }) => ({ sum: a + b }),
        }),
        any: hostFunction({ execute: (input) => input }),
        choose: hostFunction({ inputSchema: z.object({ size: z.enum(["small", "large"]).default("small").describe("How large") }), execute: () => 0 }),
        fails: hostFunction({
          execute: () => {
            throw new RangeError("too much");
          },
        }),
      },
    },
  });
  const out = await rt.exec(`
    console.log((await tools.add({ a: 2, b: 40 })).sum, Object.isFrozen(tools));
    for (const call of [() => tools.fails(), () => tools.add({ a: "x", b: 1 })])
      await call().catch((error) => console.log(error.name, error.message));
  `);
  const [sum, fails, wrong] = out.stdout.split("\n");
  assert.deepEqual([sum, fails], ["42 true", "RangeError too much"], out.stderr);
  assert.match(wrong ?? "", /^TypeError .*number/);
  const shell = await rt.shell("cenote-tools add --a 1 --b 2 | tr -d ' \\n'; cenote-tools --help");
  assert.match(shell.stdout, /^{"sum":3}/);
  assert.match(shell.stdout, /Adds two numbers/);
  const usage = await rt.shell("cenote-tools any --json '[1,2]'; cenote-tools any --json '\"x\"'; cenote-tools any --json '[1]' --a 1; echo $?; cenote-tools choose --help");
  assert.match(usage.stdout.replaceAll(/\s+/g, " "), /^\[ 1, 2 \] x 2 .*--size STRING How large \(one of "small", "large"\) \(default "small"\)/, usage.stderr);

  await rt.registerHostFunctions({ later: { now: hostFunction({ execute: () => "registered" }) } });
  assert.equal((await rt.exec("console.log(await later.now())")).stdout, "registered\n");
});

test("permission functions decide for guests", async () => {
  const asked: string[] = [];
  await using rt = await NodeRuntime.create({
    files: { "/data/open": "o", "/data/closed": "c" },
    permissions: {
      fs: async ({ op, path }) => {
        if (!path.startsWith("/data/")) return true;
        asked.push(`${op} ${path}`);
        return { allow: path === "/data/open", reason: "closed" };
      },
      childProcess: ({ command }) => command !== "seq",
    },
  });
  const out = await rt.exec(`
    import fs from "node:fs";
    import { spawnSync } from "node:child_process";
    console.log(fs.readFileSync("/data/open", "utf8"));
    try { fs.readFileSync("/data/closed"); } catch (error) { console.log(error.code); }
    console.log(spawnSync("true").status, spawnSync("seq", ["1"]).error?.code);
  `);
  assert.equal(out.stdout, "o\nEACCES\n0 EACCES\n", out.stderr);
  assert.ok(asked.includes("read /data/open") && asked.includes("read /data/closed"), asked.join());
});

test("machines made of one object of functions, and forks, do not get each other's", async () => {
  const hostFunctions = { tools: { who: hostFunction({ execute: () => "first" }) } };
  await using one = await NodeRuntime.create({ hostFunctions });
  await using two = await NodeRuntime.create({ hostFunctions });
  await one.registerHostFunctions({ more: { who: hostFunction({ execute: () => "more" }) } });
  assert.deepEqual(Object.keys(hostFunctions), ["tools"]);
  await using fork = await one.fork();
  await fork.registerHostFunctions({ later: { who: hostFunction({ execute: () => "later" }) } });
  const known = (rt: NodeRuntime) => rt.run(`__return(["tools", "more", "later"].filter((name) => name in globalThis))`);
  assert.deepEqual((await known(one)).value, ["tools", "more"]);
  assert.deepEqual((await known(two)).value, ["tools"]);
  assert.deepEqual((await known(fork)).value, ["tools", "more", "later"]);
  assert.equal((await fork.exec("console.log(await later.who(), await more.who())")).stdout, "later more\n");
});

test("functions and permissions that throw or answer anything fail by themselves; the next is answered", async () => {
  const nothing = (): never => {
    throw Object.create(null);
  };
  await using rt = await NodeRuntime.create({
    hostFunctions: {
      tools: {
        bigint: hostFunction({ execute: () => 1n }),
        nothing: hostFunction({ execute: nothing }),
        named: hostFunction({ execute: () => { throw Object.assign(new Error("x"), { name: 5, message: { a: 1 } }); } }),
        fine: hostFunction({ execute: () => "fine" }),
      },
    },
    env: { KEPT: "1" },
    permissions: {
      env: nothing,
      childProcess: (({ command }: { command: string }) => (command === "true" ? true : { allow: false, reason: { a: 5 } })) as never,
    },
  });
  const out = await rt.exec(`
    import { spawnSync } from "node:child_process";
    for (const name of ["bigint", "nothing", "named"]) await tools[name]().then(() => console.log("?"), () => console.log("failed"));
    console.log(spawnSync("seq", ["1"]).error?.code, spawnSync("true").status, process.env.KEPT, await tools.fine());
  `, { env: { MORE: "1" } });
  assert.equal(out.stdout, "failed\nfailed\nfailed\nEACCES 0 undefined fine\n", out.stderr);
});
