/** A machine on a real sidecar: running, files, network, and the habits of the language. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { NodeRuntime } from "../src/index.js";

let rt: NodeRuntime;
before(async () => {
  rt = await NodeRuntime.create({ env: { COLOUR: "red" }, files: { "/root/data.json": '{"ok":true}' } });
});
after(() => rt.dispose());

test("exec captures output and status of modules and of CommonJS", async () => {
  const out = await rt.exec(`console.log(process.platform, process.env.COLOUR); console.error("err"); process.exit(3)`);
  assert.equal(out.stdout, "linux red\n");
  assert.equal(out.stderr, "err\n");
  assert.deepEqual([out.exitCode, out.code, out.signal, out.timedOut], [3, 3, null, false]);
  assert.deepEqual(out.stdoutBytes, new TextEncoder().encode("linux red\n"));
  const cjs = await rt.exec(`console.log(typeof require, require("fs").readFileSync("/root/data.json", "utf8"))`, { type: "commonjs" });
  assert.equal(cjs.stdout, 'function {"ok":true}\n');
});

test("options of a call: env, cwd, args, stdin", async () => {
  const out = await rt.exec(
    `import { text } from "node:stream/consumers";
     console.log(process.env.COLOUR, process.cwd(), process.argv.slice(-2).join(), await text(process.stdin));`,
    { env: { COLOUR: "blue" }, cwd: "/tmp", args: ["a", "b"], stdin: "hello" },
  );
  assert.equal(out.stdout, "blue /tmp a,b hello\n", out.stderr);
  async function* chunks(): AsyncGenerator<string> {
    yield "one\n";
    yield "two\n";
  }
  assert.equal((await rt.execCommand("sort", ["-r"], { stdin: chunks() })).stdout, "two\none\n");
});

test("commands, pipelines, and their failures", async () => {
  assert.equal((await rt.shell("seq 1 100 | sort -n | tail -n 1")).stdout, "100\n");
  assert.equal((await rt.shell('echo "$1"', { args: ["sh", "x y"] })).stdout, "x y\n");
  assert.equal((await rt.execCommand("false")).exitCode, 1);
  assert.equal((await rt.shell("kill -9 $$")).signal, "SIGKILL");
});

test("run brings back a value, and says when there is none", async () => {
  const { value, stdout } = await rt.run<{ sum: number }>(`console.log("adding"); __return({ sum: 1 + 2 })`);
  assert.deepEqual(value, { sum: 3 });
  assert.equal(stdout, "adding\n");
  await assert.rejects(rt.run("process.exit(4)"), { code: "NO_VALUE", exitCode: 4 });
});

test("a timeout ends the call and says so; an AbortSignal rejects with its reason", async () => {
  const out = await rt.exec("for (;;);", { timeout: 300 });
  assert.equal(out.timedOut, true);
  const stop = new AbortController();
  const pending = rt.exec("for (;;);", { signal: stop.signal });
  setTimeout(() => stop.abort(), 100);
  await assert.rejects(pending, { name: "AbortError" });
  const reason = new Error("my reason");
  await assert.rejects(rt.exec("1", { signal: AbortSignal.abort(reason) }), reason);
});

test("output comes as it is written, and waits for callbacks", async () => {
  const chunks: string[] = [];
  const out = await rt.exec(`console.log("a"); console.error("b")`, {
    onStdout: async (chunk) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      chunks.push(new TextDecoder().decode(chunk));
    },
  });
  assert.deepEqual(chunks, ["a\n"]);
  assert.deepEqual([out.stdout, out.stderr], ["a\n", "b\n"]);
});

test("a live process: input, iteration of output, exit status", async () => {
  const proc = await rt.spawn(`process.stdin.on("data", (chunk) => process.stdout.write("got: " + chunk))`);
  assert.ok(proc.pid > 0);
  assert.equal(proc.exitCode, null);
  await proc.writeStdin("one\n");
  proc.closeStdin();
  let output = "";
  for await (const chunk of proc.stdout) output += new TextDecoder().decode(chunk);
  assert.equal(output, "got: one\n");
  assert.equal(await proc.wait(), 0);
  assert.equal(proc.exitCode, 0);
  await assert.rejects(proc.writeStdin("late"), { code: "EBADF" });
});

test("a live process: kill by name, streams, kept text, disposal", async () => {
  const sleeper = await rt.spawnCommand("sleep", ["1000"]);
  sleeper.kill("SIGKILL");
  assert.deepEqual(await sleeper.exited(), { exitCode: 137, signal: "SIGKILL", timedOut: false });
  assert.equal(sleeper.signalCode, "SIGKILL");

  const cat = await rt.spawnCommand("cat");
  const writer = cat.stdin.getWriter();
  await writer.write("through ");
  await writer.write(new TextEncoder().encode("a stream"));
  await writer.close();
  let text = "";
  for await (const chunk of cat.stdout.stream()) text += new TextDecoder().decode(chunk);
  assert.equal(text, "through a stream");

  const kept = await rt.spawn(`console.log("kept")`);
  assert.equal(await kept.stdout.text(), "kept\n");

  let pid = 0;
  {
    await using endless = await rt.spawn("setInterval(() => {}, 1000)");
    pid = endless.pid;
    assert.ok((await rt.processes()).some((each) => each.pid === pid));
  }
  assert.ok(!(await rt.processes()).some((each) => each.pid === pid && each.state === "live"));
});

test("a guest that floods a slow reader waits", async () => {
  const proc = await rt.spawn(`
    let count = 0;
    const write = () => { while (count < 200 && process.stdout.write("x".repeat(65536))) count += 1; };
    process.stdout.on("drain", () => { count += 1; write(); });
    write();
  `);
  let size = 0;
  for await (const chunk of proc.stdout) {
    size += chunk.byteLength;
    if (size < 1_000_000) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.ok(size >= 200 * 65_536, String(size));
  assert.equal(await proc.wait(), 0);
});

test("files are written, listed, looked at, renamed and removed; failures have errno names", async () => {
  await rt.mkdir("/root/d/e", { recursive: true });
  await rt.writeFile("/root/d/a.bin", new Uint8Array([1, 2, 3]));
  await rt.writeFile("/root/d/a.bin", new Uint8Array([4]), { flag: "a" });
  assert.deepEqual([...(await rt.readFile("/root/d/a.bin"))], [1, 2, 3, 4]);
  await rt.writeFile("/root/d/t", "text", { mode: 0o600 });
  assert.equal(await rt.readFile("/root/d/t", "utf8"), "text");
  const { mode, size, isFile, mtimeMs } = await rt.stat("/root/d/t");
  assert.deepEqual([mode, size, isFile], [0o100600, 4, true]);
  assert.ok(Math.abs(mtimeMs - Date.now()) < 3_600_000);
  assert.deepEqual(
    (await rt.readDir("/root/d")).map(({ name, kind }) => [name, kind]),
    [
      ["a.bin", "file"],
      ["e", "directory"],
      ["t", "file"],
    ],
  );
  await rt.symlink("t", "/root/d/link");
  assert.equal(await rt.readLink("/root/d/link"), "t");
  assert.equal((await rt.lstat("/root/d/link")).isSymbolicLink, true);
  await rt.rename("/root/d/t", "/root/d/u");
  assert.deepEqual([await rt.exists("/root/d/t"), await rt.exists("/root/d/u")], [false, true]);
  await rt.remove("/root/d", { recursive: true });
  await assert.rejects(rt.readFile("/root/d/u"), { code: "ENOENT", path: "/root/d/u" });
  await assert.rejects(rt.mkdir("/root"), { code: "EEXIST" });
  await assert.rejects(rt.writeFile("/none/x", ""), { code: "ENOENT" });
  const large = new Uint8Array(5 << 20).fill(7);
  await rt.writeFile("/root/large", large);
  assert.deepEqual(await rt.readFile("/root/large"), large);
});

test("servers in the machine are awaited, found and driven, with bodies both ways", async () => {
  assert.equal(await rt.findListener(8080), null);
  await using server = await rt.spawn(`
    import http from "node:http";
    http.createServer(async (request, response) => {
      response.setHeader("set-cookie", ["a=1", "b=2"]);
      if (request.url === "/drip") {
        for (let i = 0; i < 3; i++) { response.write("drop " + i + "\\n"); await new Promise((r) => setTimeout(r, 10)); }
        return response.end();
      }
      let body = "";
      for await (const chunk of request) body += chunk;
      response.statusCode = 201;
      response.end(request.method + " " + request.url + " " + request.headers["x-y"] + " " + body);
    }).listen(8080);
  `);
  const listener = await rt.waitForListener({ port: 8080 });
  assert.equal(listener.port, 8080);
  assert.equal((await rt.findListener({ port: 8080 }))?.port, 8080);
  const res = await rt.fetch(8080, { method: "POST", path: "/p?q=1", headers: { "X-Y": "z" }, body: "hello" });
  assert.deepEqual([res.status, res.ok, res.body], [201, true, "POST /p?q=1 z hello"]);
  assert.deepEqual(
    res.headerList.filter(([name]) => name.toLowerCase() === "set-cookie").map(([, value]) => value),
    ["a=1", "b=2"],
  );
  const stream = await rt.fetchStream(8080, { path: "/drip" });
  assert.equal(await stream.text(), "drop 0\ndrop 1\ndrop 2\n");
  await assert.rejects(rt.waitForListener(9999, { timeoutMs: 50 }), { code: "TIMEOUT" });
  assert.ok(server.pid > 0);
});

test("a port of the host leads into the machine, for any number of connections, until closed", async () => {
  await using _server = await rt.spawn(`
    import http from "node:http";
    http.createServer(async (request, response) => {
      let size = 0;
      for await (const chunk of request) size += chunk.length;
      response.end(request.url + " " + size);
    }).listen(8081);
  `);
  await rt.waitForListener(8081);
  const forward = await rt.forwardPort(8081);
  const url = `http://${forward.host}:${forward.port}`;
  const body = new Uint8Array(1 << 20);
  const answers = await Promise.all(["/a", "/b", "/c"].map(async (path) => (await fetch(url + path, { method: "POST", body })).text()));
  assert.deepEqual(answers, ["/a 1048576", "/b 1048576", "/c 1048576"]);
  await forward.close();
  await assert.rejects(fetch(url));
});

test("a terminal: input, size, what it shows, how it ends", async () => {
  await using terminal = await rt.openTerminal({ cols: 100, rows: 30 });
  terminal.write("stty size; exit 3\n");
  let shown = "";
  for await (const chunk of terminal) shown += new TextDecoder().decode(chunk);
  assert.match(shown, /\r30 100\r\n/);
  assert.equal(await terminal.wait(), 3);
  await assert.rejects(rt.openTerminal({ command: "/no/such" }), { code: "ENOENT" });
});

test("clocks stand still when asked to", async () => {
  await using frozen = await NodeRuntime.create({ timing: "frozen" });
  const { value } = await frozen.run<number>(`const start = Date.now(); setTimeout(() => __return(Date.now() - start), 20)`);
  assert.equal(value, 0);
});

test("machines do not see one another", async () => {
  await using other = await NodeRuntime.create();
  await rt.writeFile("/root/mine", "x");
  assert.equal(await other.exists("/root/mine"), false);
});

test("code may be a file that need not be there", async () => {
  await using rt = await NodeRuntime.create({ files: { "/app/helper.mjs": "export const helper = 'helped';" } });
  const out = await rt.exec(`import { helper } from "./helper.mjs";\nconsole.log(helper, import.meta.url);\nthrow new Error("here");`, {
    filename: "/app/main.mjs",
  });
  assert.equal(out.stdout, "helped file:///app/main.mjs\n", out.stderr);
  assert.match(out.stderr, /at file:\/\/\/app\/main\.mjs:3:7/);
  assert.equal(await rt.run<string>("__return(__filename)", { filename: "/app/x.cjs", type: "commonjs" }).then(({ value }) => value), "/app/x.cjs");
  await assert.rejects(rt.exec("1", { filename: "relative.js" }), { option: "filename" });
});
