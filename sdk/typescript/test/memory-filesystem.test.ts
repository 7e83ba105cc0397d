/** The in-memory filesystem before it belongs to a machine. */
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
