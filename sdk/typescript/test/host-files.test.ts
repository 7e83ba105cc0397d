/** Filesystems of the embedder in real machines. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { createInMemoryFileSystem, NodeRuntime, type VirtualFileSystem } from "../src/index.js";

test("an in-memory filesystem at a mount is answered live", async () => {
  const files = createInMemoryFileSystem();
  await files.writeFile("/docs/a.txt", "from the embedder\n");
  await using rt = await NodeRuntime.create({ mounts: [{ guestPath: "/data", filesystem: files }], cwd: "/data" });
  const out = await rt.shell("cat docs/a.txt; echo x > docs/b.txt; mkdir new; mv docs/b.txt new/c; ln -s ../docs/a.txt new/link; cat new/link; ls new; chmod 600 new/c");
  assert.equal(out.stdout, "from the embedder\nfrom the embedder\nc\nlink\n", out.stderr);
  assert.equal(await files.readTextFile("/new/c"), "x\n");
  assert.equal((await files.stat("/new/c")).mode & 0o777, 0o600);
  await files.writeFile("/docs/a.txt", "changed\n");
  assert.equal((await rt.exec(`import fs from "node:fs"; console.log(fs.readFileSync("docs/a.txt", "utf8").trim(), fs.readdirSync("."))`)).stdout, "changed [ 'docs', 'new' ]\n");
});

test("a filesystem with only what it must have: its errors and its gaps are the guest's", async () => {
  const calls: string[] = [];
  const generated: VirtualFileSystem = {
    readFile: async (path) => {
      calls.push(path);
      return new TextEncoder().encode(`content of ${path}`);
    },
    writeFile: () => Promise.reject(Object.assign(new Error("no"), { code: "ENOSPC" })),
    readDirWithTypes: async () => [
      { name: "one", isDirectory: false },
      { name: "../evil", isDirectory: false },
    ],
    mkdir: () => Promise.reject(new Error("EACCES: not here")),
    exists: async () => false,
    stat: async (path) => {
      if (path === "/") return { mode: 0o755, size: 0, isDirectory: true };
      if (path === "/none") throw new Error("ENOENT: no such file");
      return { mode: 0o644, size: 15, isDirectory: false };
    },
    removeFile: () => Promise.reject(new Error("odd")),
    removeDir: () => Promise.reject(new Error("odd")),
    rename: () => Promise.reject(new Error("odd")),
  };
  await using rt = await NodeRuntime.create({ mounts: [{ guestPath: "/g", filesystem: generated }] });
  const out = await rt.exec(`
    import fs from "node:fs";
    const code = (attempt) => { try { return attempt(); } catch (error) { return error.code; } };
    console.log(fs.readFileSync("/g/one", "utf8"), fs.readdirSync("/g"));
    console.log(
      code(() => fs.readFileSync("/g/none")), code(() => fs.mkdirSync("/g/none")), code(() => fs.writeFileSync("/g/none", "x")),
      code(() => fs.symlinkSync("x", "/g/none")), code(() => fs.unlinkSync("/g/one")),
    );
  `);
  assert.equal(out.stdout, "content of /one [ 'one' ]\nENOENT EACCES ENOSPC EPERM EIO\n", out.stderr);
});

test("files and a working directory that are in a filesystem of the embedder are made there", async () => {
  const files = createInMemoryFileSystem();
  await using rt = await NodeRuntime.create({
    mounts: [{ guestPath: "/data", filesystem: files }],
    cwd: "/data/work",
    files: { "/data/seed/a.txt": "seeded\n", "/tmp/b.txt": "elsewhere\n" },
  });
  const out = await rt.shell("pwd; cat /data/seed/a.txt /tmp/b.txt");
  assert.equal(out.stdout, "/data/work\nseeded\nelsewhere\n", out.stderr);
  assert.equal(await files.readTextFile("/seed/a.txt"), "seeded\n");
});

test("a seeded file with a mode lies beside a filesystem at the top", async () => {
  const files = createInMemoryFileSystem();
  await using rt = await NodeRuntime.create({
    mounts: [{ guestPath: "/", filesystem: files }],
    files: { "/tools/hello": { content: "#!/bin/sh\necho hello\n", mode: 0o755 } },
  });
  assert.equal((await rt.shell("/tools/hello; stat -c %a /tools/hello")).stdout, "hello\n755\n");
  assert.equal(await files.exists("/tools/hello"), false);
});
