/** The program of a platform package, unpacked on first use: with stand-ins, which are small. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { chmodSync, chownSync, cpSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { brotliCompressSync } from "node:zlib";

import { writePlatform } from "../release.mjs";
import { SidecarError } from "../src/index.js";
import { cacheDirectory } from "../src/sidecar/cache.js";
import { programFolders, readPacked, unpacked, type PackedProgram } from "../src/sidecar/packed.js";
import { REVISION } from "../src/sidecar/revision.js";

const place = mkdtempSync(join(tmpdir(), "packed-program-"));
after(() => rmSync(place, { recursive: true, force: true }));
let count = 0;
/** A path where nothing is yet. */
const fresh = (): string => join(place, `${++count}`);
const uid = process.getuid?.() ?? 0;

/** A platform package with a program of these bytes; its manifest's path. */
async function platform(program: Buffer | string, directory = fresh()): Promise<string> {
  const file = fresh();
  writeFileSync(file, program);
  await writePlatform({ program: file, directory, version: "0.0.0", quality: 1 });
  return join(directory, "package.json");
}

const refused = (code: string, message: RegExp) => (error: unknown): boolean => {
  assert.ok(error instanceof SidecarError, String(error));
  assert.equal(error.code, code);
  assert.equal(error.option, "sidecar.binary");
  assert.match(error.message, message);
  return true;
};

test("a program is unpacked once, for its user alone", async () => {
  const bytes = randomBytes(1 << 20);
  const program = readPacked(await platform(bytes));
  assert.equal(program.sha256, createHash("sha256").update(bytes).digest("hex"));
  const folder = join(fresh(), "above", "programs");
  const paths = await Promise.all(Array.from({ length: 4 }, () => unpacked(program, [folder])));
  const path = join(folder, `cenote-${program.sha256}`);
  assert.deepEqual(paths, [path, path, path, path]);
  assert.deepEqual(readdirSync(folder), [`cenote-${program.sha256}`]);
  assert.ok(readFileSync(path).equals(bytes));
  assert.equal(lstatSync(folder).mode & 0o777, 0o700);
  const first = lstatSync(path);
  assert.equal(first.mode & 0o777, 0o500);
  // The archive is not needed any more.
  rmSync(program.archive);
  assert.equal(await unpacked(program, [folder]), path);
  assert.equal(lstatSync(path).ino, first.ino);
});

test("several processes unpack it at once", async () => {
  const bytes = randomBytes(4 << 20);
  const program = readPacked(await platform(bytes));
  const folder = fresh();
  const script = `
    import { unpacked } from ${JSON.stringify(resolve("dist/src/sidecar/packed.js"))};
    console.log(await unpacked(${JSON.stringify(program)}, [${JSON.stringify(folder)}]));`;
  const runs = Array.from({ length: 5 }, () => promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script]));
  const path = join(folder, `cenote-${program.sha256}`);
  for (const { stdout } of await Promise.all(runs)) assert.equal(stdout, `${path}\n`);
  assert.deepEqual(readdirSync(folder), [`cenote-${program.sha256}`]);
  assert.ok(readFileSync(path).equals(bytes));
});

test("a damaged package is an error that says so, and leaves nothing", async () => {
  const bytes = randomBytes(100_000);
  const folder = fresh();
  const breakIt: [RegExp, (program: PackedProgram) => void][] = [
    [/./, ({ archive }) => truncateSync(archive, 50_000)],
    [/the digest/, ({ archive }) => writeFileSync(archive, brotliCompressSync(Buffer.alloc(100_000)))],
    [/holds 3 bytes/, ({ archive }) => writeFileSync(archive, brotliCompressSync("abc"))],
    [/more than 100000 bytes/, ({ archive }) => writeFileSync(archive, brotliCompressSync(Buffer.alloc(1 << 20)))],
    [/./, ({ archive }) => writeFileSync(archive, "no archive")],
    [/ENOENT/, ({ archive }) => rmSync(archive)],
  ];
  for (const [message, how] of breakIt) {
    const program = readPacked(await platform(bytes));
    how(program);
    await assert.rejects(unpacked(program, [folder]), refused("SIDECAR_DAMAGED", message));
    assert.deepEqual(readdirSync(folder), []);
  }
  for (const about of ["", "{}", '{"cenote":{"archive":"../x","bytes":1,"sha256":""}}', `{"cenote":{"archive":"x","bytes":1,"sha256":"${"/".repeat(64)}"}}`]) {
    const manifest = fresh();
    writeFileSync(manifest, about);
    assert.throws(() => readPacked(manifest), refused("SIDECAR_DAMAGED", /is damaged/));
  }
});

test("where the caches cannot be written another folder does, or the error names what would", async () => {
  const program = readPacked(await platform("#!/bin/sh\n"));
  const file = fresh();
  writeFileSync(file, "");
  const [below, other] = [join(file, "programs"), fresh()];
  assert.equal(await unpacked(program, [below, other]), join(other, `cenote-${program.sha256}`));
  await assert.rejects(unpacked(program, [below, join(file, "x")]), refused("SIDECAR_CACHE", /nowhere to unpack.*CENOTE_CACHE_DIR.*CENOTE_BIN/));
});

test("no program is run from a folder that others may change", async () => {
  const program = readPacked(await platform("#!/bin/sh\n"));
  for (const mode of [0o770, 0o707, 0o777, 0o1777]) {
    const folder = fresh();
    mkdirSync(folder);
    chmodSync(folder, mode);
    const wanted = /can be written by others.*CENOTE_CACHE_DIR/;
    await assert.rejects(unpacked(program, [folder, fresh()]), refused("SIDECAR_CACHE", wanted));
    assert.deepEqual(readdirSync(folder), []);
  }
  const link = fresh();
  symlinkSync(place, link);
  await assert.rejects(unpacked(program, [link]), refused("SIDECAR_CACHE", /is not a folder/));
  // Root's folders are another's to a user, and a user's are to root.
  let others = "/";
  if (uid === 0) {
    others = fresh();
    mkdirSync(others, { mode: 0o700 });
    chownSync(others, 65_534, 65_534);
  }
  await assert.rejects(unpacked(program, [others]), refused("SIDECAR_CACHE", /belongs to the user with id \d+/));
});

test("what is not the program is replaced", async () => {
  const bytes = "#!/bin/sh\nexit 7\n";
  const program = readPacked(await platform(bytes));
  const folder = fresh();
  const path = await unpacked(program, [folder]);
  const spoil = [
    () => truncateSync(path, 3),
    () => chmodSync(path, 0o722),
    () => {
      rmSync(path);
      symlinkSync("/bin/sh", path);
    },
    ...(uid === 0 ? [() => chownSync(path, 65_534, 65_534)] : []),
  ];
  for (const how of spoil) {
    chmodSync(path, 0o700);
    how();
    assert.equal(await unpacked(program, [folder]), path);
    const found = lstatSync(path);
    assert.ok(found.isFile());
    assert.deepEqual([found.uid, found.mode & 0o777, readFileSync(path, "utf8")], [uid, 0o500, bytes]);
  }
});

test("programs that nobody started for long go, when another is unpacked", async () => {
  const folder = fresh();
  const path = await unpacked(readPacked(await platform("one")), [folder]);
  const name = (letter: string): string => `cenote-${letter.repeat(64)}`;
  const ages: Record<string, number> = { [name("a")]: 40, [name("b")]: 20, [`${name("c")}.1-ab.partial`]: 2, [`${name("d")}.1-ab.partial`]: 0, "somebody's": 400 };
  for (const [file, days] of Object.entries(ages)) {
    writeFileSync(join(folder, file), "");
    const then = new Date(Date.now() - days * 86_400_000);
    utimesSync(join(folder, file), then, then);
  }
  // To be started is to be of use again.
  utimesSync(path, new Date(0), new Date(0));
  assert.equal(await unpacked({ archive: "", bytes: 3, sha256: createHash("sha256").update("one").digest("hex") }, [folder]), path);
  const other = await unpacked(readPacked(await platform("two")), [folder]);
  const left = [name("b"), `${name("d")}.1-ab.partial`, "somebody's", path, other].map((file) => resolve(folder, file));
  assert.deepEqual(readdirSync(folder).map((file) => join(folder, file)).sort(), left.sort());
});

test("the folders are those of the cenote program", () => {
  const { CENOTE_CACHE_DIR, XDG_CACHE_HOME, HOME } = process.env;
  const under = (env: Record<string, string>): string | undefined => {
    for (const name of ["CENOTE_CACHE_DIR", "XDG_CACHE_HOME", "HOME"]) delete process.env[name];
    Object.assign(process.env, env);
    return cacheDirectory("programs");
  };
  try {
    assert.equal(under({ HOME: "/h" }), "/h/.cache/cenote/programs");
    assert.equal(under({ HOME: "/h", XDG_CACHE_HOME: "/x" }), "/x/cenote/programs");
    assert.equal(under({ HOME: "/h", XDG_CACHE_HOME: "/x", CENOTE_CACHE_DIR: "/c" }), "/c/programs");
    assert.equal(programFolders().length, 2);
    assert.equal(under({}), undefined);
    assert.equal(under({ HOME: "/h", CENOTE_CACHE_DIR: "" }), undefined);
    assert.equal(programFolders().length, 1);
  } finally {
    for (const name of ["CENOTE_CACHE_DIR", "XDG_CACHE_HOME", "HOME"]) delete process.env[name];
    const before = { CENOTE_CACHE_DIR, XDG_CACHE_HOME, HOME };
    Object.assign(process.env, Object.fromEntries(Object.entries(before).filter(([, value]) => value !== undefined)));
  }
});

test("the package starts the program of the platform package beside it", async () => {
  const project = fresh();
  const modules = join(project, "node_modules");
  const ours = join(modules, "cenote");
  mkdirSync(ours, { recursive: true });
  cpSync("package.json", join(ours, "package.json"));
  cpSync("dist/src", join(ours, "dist/src"), { recursive: true });
  for (const name of Object.keys((JSON.parse(readFileSync("package.json", "utf8")) as { dependencies: object }).dependencies)) {
    mkdirSync(join(modules, name, ".."), { recursive: true });
    symlinkSync(resolve("node_modules", name), join(modules, name));
  }
  const line = JSON.stringify({ listening: "unix:/none", pid: 1, version: "0.0.0", revision: REVISION });
  const manifest = await platform(`#!/bin/sh\necho '${line}'\nexec cat >/dev/null\n`, join(modules, `@cenote/${process.platform}-${process.arch}`));
  const script = `import { Sidecar } from "cenote"; const sidecar = await Sidecar.start(); console.log(sidecar.isRunning); await sidecar.dispose();`;
  const caches = fresh();
  const env: NodeJS.ProcessEnv = { ...process.env, CENOTE_CACHE_DIR: caches };
  delete env["CENOTE_BIN"];
  const run = (): Promise<{ stdout: string }> => promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], { cwd: project, env });
  assert.equal((await run()).stdout, "true\n");
  const { archive, sha256 } = readPacked(manifest);
  assert.deepEqual(readdirSync(join(caches, "programs")), [`cenote-${sha256}`]);
  rmSync(archive);
  assert.equal((await run()).stdout, "true\n");
  rmSync(caches, { recursive: true });
  await assert.rejects(run(), /SIDECAR_DAMAGED/);
});
