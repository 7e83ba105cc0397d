/** The in-memory filesystem by itself. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { createInMemoryFileSystem } from "../src/index.js";

test("files, directories and links behave as on Linux", async () => {
  const fs = createInMemoryFileSystem();
  await fs.writeFile("/app/data.json", '{"key": "value"}');
  assert.equal(await fs.readTextFile("/app/data.json"), '{"key": "value"}');
  assert.deepEqual(await fs.readDir("/"), ["app"]);
  await fs.symlink("../app", "/app/self");
  assert.equal(await fs.readTextFile("/app/self/self/data.json"), '{"key": "value"}');
  assert.equal((await fs.lstat("/app/self")).isSymbolicLink, true);
  assert.equal((await fs.stat("/app/self")).isDirectory, true);
  await fs.link("/app/data.json", "/copy");
  await fs.pwrite("/copy", 1, new TextEncoder().encode("X"));
  assert.match(await fs.readTextFile("/app/data.json"), /^\{X/);
  assert.equal((await fs.stat("/copy")).nlink, 2);
  await fs.truncate("/copy", 2);
  assert.equal((await fs.stat("/copy")).size, 2);
  await fs.rename("/copy", "/moved");
  assert.equal(await fs.exists("/copy"), false);
  await fs.chmod("/moved", 0o600);
  assert.equal((await fs.stat("/moved")).mode, 0o100600);
  await fs.removeFile("/moved");
});

test("failures have errno names", async () => {
  const fs = createInMemoryFileSystem();
  await fs.mkdir("/d/e", { recursive: true });
  await fs.writeFile("/f", "x");
  await fs.symlink("/loop", "/loop");
  for (const [code, attempt] of [
    ["ENOENT", () => fs.readFile("/none")],
    ["EISDIR", () => fs.readFile("/d")],
    ["ENOTDIR", () => fs.readFile("/f/x")],
    ["ENOTEMPTY", () => fs.removeDir("/d")],
    ["EEXIST", () => fs.mkdir("/d")],
    ["ELOOP", () => fs.readFile("/loop")],
    ["EISDIR", () => fs.removeFile("/d")],
    ["EINVAL", () => fs.rename("/d", "/d/e/x")],
    ["EINVAL", () => fs.readlink("/f")],
  ] as const) {
    await assert.rejects(attempt(), { code });
  }
});

test("what it holds is bounded, and what is removed makes room", async () => {
  const fs = createInMemoryFileSystem({ limitBytes: 10_000 });
  await fs.writeFile("/a", new Uint8Array(8_000));
  await assert.rejects(fs.writeFile("/b", new Uint8Array(8_000)), { code: "ENOSPC" });
  await assert.rejects(fs.truncate("/a", 2 ** 40), { code: "ENOSPC" });
  await assert.rejects(fs.pwrite("/a", 2 ** 40, new Uint8Array(1)), { code: "ENOSPC" });
  await fs.link("/a", "/c");
  await fs.removeFile("/a");
  await assert.rejects(fs.writeFile("/b", new Uint8Array(8_000)), { code: "ENOSPC" });
  await fs.removeFile("/c");
  await fs.writeFile("/b", new Uint8Array(8_000));
  await fs.truncate("/b", 1);
  for (let at = 0; at < 9_000; at += 100) await fs.pwrite("/b", at, new Uint8Array(100).fill(7));
  assert.ok((await fs.readFile("/b")).every((byte) => byte === 7));
  await fs.truncate("/b", 1);
  await fs.truncate("/b", 3);
  assert.deepEqual([...(await fs.readFile("/b"))], [7, 0, 0]);
});
