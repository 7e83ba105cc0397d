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
