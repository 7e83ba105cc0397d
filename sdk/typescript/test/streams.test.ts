/** Output that is left, terminals that nobody reads, callbacks and iterators of the embedder that throw: on a real machine. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { NodeRuntime } from "../src/index.js";

let rt: NodeRuntime;
before(async () => {
  rt = await NodeRuntime.create();
});
after(() => rt.dispose());

const broken = new Error("disk broke");

test("who leaves an output's loop holds nobody up; a second loop gets the rest", async () => {
  const proc = await rt.spawnCommand("head", ["-c", "5000000", "/dev/zero"]);
  let first = 0;
  for await (const chunk of proc.stdout) {
    first = chunk.byteLength;
    break;
  }
  assert.equal(await proc.wait(), 0);
  let rest = 0;
  for await (const chunk of proc.stdout) rest += chunk.byteLength;
  assert.equal(first + rest, 5_000_000);
  assert.equal(proc.stdout.truncated, false);
});

test("who leaves a stream of an output holds nobody up, while a read is pending too", async () => {
  const proc = await rt.spawnCommand("head", ["-c", "5000000", "/dev/zero"]);
  const reader = proc.stdout.stream().getReader();
  await reader.read();
  await reader.cancel();
  assert.equal(await proc.wait(), 0);

  const silent = await rt.spawnCommand("cat");
  const waiting = silent.stdout.stream().getReader();
  const pending = waiting.read();
  await waiting.cancel();
  assert.equal((await pending).done, true);
  silent.closeStdin();
  assert.equal(await silent.wait(), 0);
});

test("what comes after a reader has left is kept up to the limit, and no more", async () => {
  await using small = await NodeRuntime.create({ limits: { outputBytes: 100_000 } });
  const proc = await small.spawnCommand("head", ["-c", "5000000", "/dev/zero"]);
  for await (const _ of proc.stdout) break;
  assert.equal(await proc.wait(), 0);
  assert.equal(proc.stdout.truncated, true);
  assert.equal((await proc.stdout.bytes()).byteLength, 100_000);
});

test("terminals run without a reader, and tell their end when they were closed at once", async () => {
  const terminal = await rt.openTerminal();
  terminal.write("touch /tmp/made\nexit 3\n");
  assert.equal(await terminal.wait(), 3);
  assert.equal(await rt.exists("/tmp/made"), true);
  let shown = "";
  for await (const chunk of terminal) shown += Buffer.from(chunk).toString();
  assert.match(shown, /touch/);

  const closed = await rt.openTerminal({ onData: () => undefined });
  await closed.close();
  assert.equal((await closed.exited()).signal, "SIGHUP");
});

test("a terminal's reader gets all of it", async () => {
  const terminal = await rt.openTerminal({ command: "head", args: ["-c", "1000000", "/dev/zero"] });
  let size = 0;
  for await (const chunk of terminal) size += chunk.byteLength;
  assert.deepEqual([size, await terminal.wait()], [1_000_000, 0]);
});

test("an output callback that throws ends its program; who waits gets what it threw", async () => {
  const throws = (): never => {
    throw broken;
  };
  await assert.rejects((await rt.spawnCommand("yes", [], { onStdout: throws })).wait(), broken);
  await assert.rejects((await rt.spawnCommand("yes", [], { onStdout: () => Promise.reject(broken) })).wait(), broken);
  await assert.rejects(rt.execCommand("yes", [], { onStdout: throws }), broken);
  await assert.rejects((await rt.openTerminal({ onData: throws })).exited(), broken);
  // The call that was given up is ended beside it.
  while ((await rt.processes()).some(({ name }) => name === "yes")) await new Promise((resolve) => setTimeout(resolve, 20));
});

test("what an iterator of the embedder throws is what the call rejects with", async () => {
  async function* source(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(10);
    throw broken;
  }
  await assert.rejects(rt.execCommand("cat", [], { stdin: source() }), broken);
  await assert.rejects((await rt.spawnCommand("cat", [], { stdin: source() })).wait(), broken);
  await assert.rejects(rt.import(source()), broken);
  const server = await rt.spawn(
    `import http from "node:http"; http.createServer((request, response) => request.resume().on("end", () => response.end("ok"))).listen(3000)`,
  );
  await rt.waitForListener(3000);
  await assert.rejects(rt.fetch(3000, { method: "POST", body: source() }), broken);
  await assert.rejects(rt.fetchStream(3000, { method: "POST", body: source() }), broken);
  // One that gives more than the program reads is ended, and no error.
  const early = await rt.execCommand("head", ["-c", "1"], { stdin: (async function* () { for (;;) yield "a".repeat(100_000); })() });
  assert.equal(early.stdout, "a");
  await server.killAll();
});

test("requests are written as fetch writes them, or refused by name", async () => {
  const server = await rt.spawn(
    `import http from "node:http"; http.createServer((q, r) => r.end(JSON.stringify([q.method, q.url, q.headers["x-a"]]))).listen(3001)`,
  );
  await rt.waitForListener(3001);
  const { body } = await rt.fetch(3001, { method: "post", path: "/ü?q=ä b#fragment", headers: { "x-a": "é" } });
  assert.deepEqual(JSON.parse(body), ["POST", "/%C3%BC?q=%C3%A4%20b", "é"]);
  await assert.rejects(rt.fetch(3001, { path: "x" }), { code: "INVALID_OPTION", option: "path" });
  await assert.rejects(rt.fetch(3001, { method: "a b" }), { option: "method" });
  await assert.rejects(rt.fetch(3001, { headers: { "x-a": "日本" } }), { option: "headers.x-a" });
  await assert.rejects(rt.fetch(3001, { body: 5 as never }), { option: "body" });
  await assert.rejects(rt.fetch("http://localhost" as never), { option: "port" });
  await server.killAll();
});

test("events tell of refusals, limits and the end", async () => {
  const machine = await NodeRuntime.create({
    files: { "/data/secret": "s" },
    permissions: { fs: { default: "allow", rules: [{ mode: "deny", paths: ["/data/**"] }] } },
    limits: { processes: 10 },
  });
  const events = await machine.events();
  assert.notEqual((await machine.exec(`import fs from "node:fs"; fs.readFileSync("/data/secret")`)).exitCode, 0);
  await machine.shell("for i in 1 2 3 4 5 6 7; do sleep 1000 > /dev/null 2>&1 & done");
  const seen: string[] = [];
  for await (const event of events) {
    assert.ok(event.at > 0);
    if (event.type === "refusal") seen.push(`refused ${event.permission} ${event.subject}`);
    else if (event.type === "limit") {
      seen.push(`${event.limit} ${event.usage.limit} ${event.usage.option}`);
      void machine.dispose();
    } else seen.push(`${event.type} ${"error" in event ? event.error?.code : ""}`);
  }
  assert.ok(seen.some((line) => /^refused fs .*secret/.test(line)), seen.join("; "));
  assert.ok(seen.includes("processes 10 limits.processes"), seen.join("; "));
  assert.equal(seen.at(-1), "ended ");
});

test("files are read in Node's encodings; what is no data is refused", async () => {
  await rt.writeFile("/tmp/encoded", "hé");
  assert.equal(await rt.readFile("/tmp/encoded", "base64"), "aMOp");
  assert.equal(await rt.readFile("/tmp/encoded", "hex"), "68c3a9");
  await assert.rejects(rt.readFile("/tmp/encoded", "klingon" as never), { name: "TypeError", code: "ERR_INVALID_ARG_VALUE" });
  await assert.rejects(rt.writeFile("/tmp/encoded", 5 as never), { name: "TypeError" });
  await assert.rejects(rt.writeFile("/tmp/encoded", "x", { flag: "r" as never }), { option: "flag" });
  assert.equal(await rt.readFile("/tmp/encoded", "utf8"), "hé");
});

test("a value of run that does not come whole is a typed error; a timeout of 0 is none", async () => {
  await assert.rejects(rt.run(`__return("x".repeat(17 << 20))`), { name: "CenoteError", code: "VALUE_TOO_LARGE" });
  assert.equal((await rt.shell("sleep 0.1; echo ok", { timeout: 0 })).stdout, "ok\n");
});
