/** Snapshots, forks, tar streams, changes of files, and what mounts can show, on a real sidecar. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { NodeRuntime, Snapshot } from "../src/index.js";

async function whole(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function text(rt: NodeRuntime, script: string): Promise<string> {
  const { stdout, stderr, exitCode } = await rt.shell(script);
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

test("a fork and a machine from a snapshot have the files and go their own way", async () => {
  await using rt = await NodeRuntime.create({ env: { NAME: "first" } });
  await rt.writeFile("/work/a", "one", { parents: true });
  await using kept = await rt.snapshot();
  assert.ok(kept instanceof Snapshot);
  await using fork = await rt.fork();
  await rt.writeFile("/work/a", "two");
  assert.equal(await text(fork, "cat /work/a; echo $NAME"), "onefirst\n");
  await fork.writeFile("/work/b", "of the fork");
  assert.equal(await rt.exists("/work/b"), false);
  await using again = await NodeRuntime.create({ snapshot: kept });
  assert.equal(await text(again, "ls /work; cat /work/a"), "a\none");
  // The fork outlives what it was made of.
  await rt.dispose();
  assert.equal(await text(fork, "cat /work/b"), "of the fork");
  await assert.rejects(NodeRuntime.create({ snapshot: kept }), /there is no snapshot/);
});

test("a fork asks the same functions of the embedder", async () => {
  await using rt = await NodeRuntime.create({ hostFunctions: { shop: { price: { execute: () => 42 } } } });
  await using fork = await rt.fork();
  assert.equal(await text(fork, "cenote-shop price"), "42\n");
});

test("a snapshot comes back from its tar without changing the machine it comes to", async () => {
  await using rt = await NodeRuntime.create();
  await rt.writeFile("/work/a", "carried", { parents: true });
  await using kept = await rt.snapshot();
  const tar = await whole(kept.export());
  await using other = await NodeRuntime.create({ limits: { filesystemBytes: 1 << 20 } });
  await using back = await Snapshot.import(other, tar);
  assert.equal(await other.exists("/work/a"), false);
  assert.equal(Buffer.compare(Buffer.from(await whole(back.export())), Buffer.from(tar)), 0);
  await using again = await NodeRuntime.create({ snapshot: back });
  assert.equal(await text(again, "cat /work/a"), "carried");
  await assert.rejects(Snapshot.import(other, new TextEncoder().encode("no tar at all, whatever is tried".repeat(50))), { code: "ARCHIVE" });
  // The machine's limits hold for it.
  await rt.writeFile("/work/large", new Uint8Array(2 << 20).fill(7));
  await using large = await rt.snapshot();
  await assert.rejects(Snapshot.import(other, large.export()), { name: "LimitError", limit: "filesystemBytes", errno: "ENOSPC" });
});

test("a snapshot is exported and imported to the same bytes", async () => {
  await using rt = await NodeRuntime.create();
  await text(rt, "mkdir -p /work/deep && echo x > /work/deep/f && ln -s f /work/deep/link && ln /work/deep/f /work/hard && rm /etc/shells");
  const kept = await rt.snapshot();
  const tar = await whole(kept.export());
  await kept.drop();
  await assert.rejects(whole(kept.export()), /there is no snapshot/);
  await using other = await NodeRuntime.create();
  const made = await other.import(tar);
  assert.ok(made > 4, String(made));
  assert.equal(await text(other, "cat /work/hard; readlink /work/deep/link; test -e /etc/shells || echo gone"), "x\nf\ngone\n");
  const again = await whole(other.export("/", { changes: true }));
  assert.equal(Buffer.compare(Buffer.from(again), Buffer.from(tar)), 0);
  const part = await whole(other.export("/work"));
  await using third = await NodeRuntime.create();
  await third.import(part, "/elsewhere");
  assert.equal(await text(third, "cat /elsewhere/deep/f"), "x\n");
  await assert.rejects(third.import(new Uint8Array(2_048).fill(120), "/bad"), /sum is wrong/);
});

test("a stream that is left off costs no more than what was read", async () => {
  await using rt = await NodeRuntime.create();
  await text(rt, "head -c 50000000 /dev/urandom > /root/big");
  for await (const chunk of rt.export("/root")) {
    assert.ok(chunk.byteLength > 0);
    break;
  }
  assert.equal(await text(rt, "wc -c < /root/big"), "50000000\n");
});

test("changes are told as they happen, and end with the machine", async () => {
  const rt = await NodeRuntime.create();
  await text(rt, "mkdir -p /work/src");
  const watcher = await rt.watch("/work", { recursive: true });
  await text(rt, "echo x > /work/src/a");
  const seen: string[] = [];
  for await (const { eventType, filename } of watcher) {
    seen.push(`${eventType} ${filename}`);
    if (eventType === "change") break;
  }
  assert.deepEqual(seen, ["rename src/a", "change src/a"]);
  await assert.rejects(rt.watch("/nowhere"), { code: "ENOENT" });
  await rt.dispose();
});

test("mounts: an image, a size limit, a directory in memory", async () => {
  const directory = await mkdtemp(join(tmpdir(), "cenote-"));
  try {
    await using maker = await NodeRuntime.create({ files: { "/img/tool": "from the image" } });
    const tar = await whole(maker.export("/img"));
    const file = join(directory, "image.tar");
    await writeFile(file, tar);
    await using rt = await NodeRuntime.create({
      mounts: [
        { guestPath: "/bytes", image: tar },
        { guestPath: "/file", image: file },
        { guestPath: "/out", hostPath: directory, readOnly: false, sizeLimitBytes: 100_000 },
        { guestPath: "/small", memoryBytes: 10_000 },
      ],
    });
    assert.equal(await text(rt, "cat /bytes/tool /file/tool"), "from the imagefrom the image");
    for (const script of ["echo x > /bytes/new", "head -c 200000 /dev/zero > /out/big", "head -c 20000 /dev/zero > /small/big"]) {
      const { exitCode, stderr } = await rt.shell(script);
      assert.notEqual(exitCode, 0);
      assert.match(stderr, /Read-only|No space left/);
    }
  } finally {
    await rm(directory, { recursive: true });
  }
});

test("a machine from a snapshot has no process of its own, and says so when asked for one", async () => {
  await using rt = await NodeRuntime.create();
  const snapshot = await rt.snapshot();
  await assert.rejects(NodeRuntime.create({ snapshot, isolation: "process" }), { code: "INVALID_OPTION", option: "isolation" });
});
