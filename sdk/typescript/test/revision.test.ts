/** What the package says to a sidecar of another build. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { NodeRuntime, Sidecar, SidecarError } from "../src/index.js";
import { REVISION } from "../src/sidecar/revision.js";
import { fakeSidecar } from "./support/fake-sidecar.js";

const old = (error: unknown): boolean => {
  assert.ok(error instanceof SidecarError);
  assert.equal(error.code, "SIDECAR_REVISION");
  assert.equal(error.option, "sidecar.binary");
  assert.match(error.message, new RegExp(`needs ${REVISION}`));
  return true;
};

test("the sidecar of this build speaks the package's revision", async () => {
  await using sidecar = await Sidecar.start();
  assert.equal((await sidecar.describe()).revision, REVISION);
});

test("a sidecar of an older revision is refused when it is reached", async () => {
  await assert.rejects(fakeSidecar({ vms: { describe: () => ({ version: "0.0.9", revision: REVISION - 1 }) } }), old);
  // Before there were revisions.
  await assert.rejects(fakeSidecar({ vms: { describe: () => ({ version: "0.0.1" }) } }), old);
  await (await fakeSidecar({ vms: { describe: () => ({ version: "9", revision: REVISION + 1 }) } }))[Symbol.asyncDispose]();
});

test("a program of an older revision is refused when it is started", async () => {
  const directory = await mkdtemp(join(tmpdir(), "old-cenote-"));
  try {
    const binary = join(directory, "cenote");
    const line = JSON.stringify({ listening: "unix:/none", pid: 1, version: "0.0.9" });
    await writeFile(binary, `#!/bin/sh\necho '${line}'\nexec cat >/dev/null\n`, { mode: 0o755 });
    await assert.rejects(NodeRuntime.create({ sidecar: { binary } }), old);
    await writeFile(binary, "#!/bin/sh\necho something else\nexec cat >/dev/null\n", { mode: 0o755 });
    await assert.rejects(NodeRuntime.create({ sidecar: { binary } }), { code: "SIDECAR_FAILED", message: /it said "something else/ });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
