/**
 * The program of a platform package: compressed there, unpacked on first use into the user's caches (`docs/decisions/0027-packed-program.md`).
 *
 * What is found unpacked is believed by its folder (ours, and nobody else may write there), its owner and its size: hashing it anew would cost every start 100 ms.
 */
import { createHash, randomBytes } from "node:crypto";
import { accessSync, constants, createReadStream, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync } from "node:fs";
import { open, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream";
import { createBrotliDecompress } from "node:zlib";

import { SidecarError } from "../errors.js";
import { cacheDirectory } from "./cache.js";

/** Bytes read, unpacked and written at a time. */
const CHUNK = 256 << 10;
/** Milliseconds of a day. */
const DAY = 86_400_000;
/** Days after which a program of another version goes that nobody started since. */
const KEPT = 30;

/** A program as a platform package has it. */
export interface PackedProgram {
  /** Path of the archive, compressed with Brotli. */
  archive: string;
  /** Bytes of the program. */
  bytes: number;
  /** SHA-256 of the program, in hexadecimal. */
  sha256: string;
}

/**
 * Reads what a platform package says of its program, in the field `cenote` of its manifest.
 *
 * @throws {SidecarError} `SIDECAR_DAMAGED` when that makes no sense.
 */
export function readPacked(manifest: string): PackedProgram {
  let said: unknown;
  try {
    said = (JSON.parse(readFileSync(manifest, "utf8")) as { cenote?: unknown }).cenote;
  } catch (cause) {
    throw damaged(manifest, "it cannot be read", cause);
  }
  const { archive, bytes, sha256 } = (said ?? {}) as Record<string, unknown>;
  const isFile = typeof archive === "string" && archive !== "" && basename(archive) === archive;
  if (!isFile || !Number.isSafeInteger(bytes) || typeof sha256 !== "string" || !/^[0-9a-f]{64}$/.test(sha256)) {
    throw damaged(manifest, "it does not say what the program is");
  }
  return { archive: join(dirname(manifest), archive), bytes: bytes as number, sha256 };
}

/** Folders for unpacked programs, in the order in which they are tried: the user's caches, then one of the user's own among the temporary files. */
export function programFolders(): string[] {
  const caches = cacheDirectory("programs");
  // Right below the temporary directory: nobody else can rename what lies there.
  const temporary = join(tmpdir(), `cenote-programs-${process.getuid?.() ?? "user"}`);
  return caches === undefined ? [temporary] : [caches, temporary];
}

const underWay = new Map<string, Promise<string>>();

/**
 * The path of the unpacked program: what was unpacked before, or is now, into the first of `folders` that can be written and run from.
 *
 * @throws {SidecarError} `SIDECAR_DAMAGED` when the archive does not hold what the package says; `SIDECAR_CACHE` when a folder is not ours alone, or none can be used.
 */
export function unpacked(program: PackedProgram, folders: readonly string[] = programFolders()): Promise<string> {
  const key = [program.sha256, ...folders].join("\0");
  let path = underWay.get(key);
  if (path === undefined) {
    path = findOrUnpack(program, folders).finally(() => underWay.delete(key));
    underWay.set(key, path);
  }
  return path;
}

async function findOrUnpack(program: PackedProgram, folders: readonly string[]): Promise<string> {
  const reasons: unknown[] = [];
  for (const folder of folders) {
    const path = join(folder, `cenote-${program.sha256}`);
    try {
      makePrivate(folder);
      if (!isThere(path, program)) {
        await unpack(program, path);
        removeOld(folder, path);
      }
      accessSync(path, constants.X_OK);
      return path;
    } catch (error) {
      if (error instanceof SidecarError) throw error;
      reasons.push(error);
    }
  }
  const why = reasons.map((error) => (error instanceof Error ? error.message : String(error))).join("; ");
  const size = Math.ceil(program.bytes / 1e6);
  const message = `there is nowhere to unpack the cenote program (${size} MB): ${why}; let CENOTE_CACHE_DIR name a folder for it, or CENOTE_BIN the program`;
  throw new SidecarError("SIDECAR_CACHE", message, { option: "sidecar.binary", cause: reasons[0] });
}

/** Makes the folder, or sees to it that it is ours alone: whoever can write there decides what runs. */
function makePrivate(folder: string): void {
  let found = lstatSync(folder, { throwIfNoEntry: false });
  if (found === undefined) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    found = lstatSync(folder);
  }
  const user = process.getuid?.();
  const refuse = (why: string): never => {
    const message = `no program is run from ${folder}, because it ${why}; remove it, or let CENOTE_CACHE_DIR name another folder, or CENOTE_BIN the program`;
    throw new SidecarError("SIDECAR_CACHE", message, { option: "sidecar.binary" });
  };
  if (!found.isDirectory()) refuse("is not a folder");
  if (user === undefined) return;
  if (found.uid !== user) refuse(`belongs to the user with id ${found.uid}`);
  if ((found.mode & 0o022) !== 0) refuse("can be written by others");
}

/** Whether the program is there already, as far as can be told without reading it. What is not as it should be is replaced. */
function isThere(path: string, program: PackedProgram): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined || !found.isFile() || found.size !== program.bytes) return false;
  const user = process.getuid?.();
  if (user !== undefined && (found.uid !== user || (found.mode & 0o022) !== 0)) return false;
  if (Date.now() - found.mtimeMs > DAY) {
    // Somebody uses it: see `removeOld`.
    attempt(() => utimesSync(path, new Date(), new Date()));
  }
  return true;
}

/** Unpacks beside its place and moves it there once it is whole: others see all of it or nothing, and several may do this at once. */
async function unpack(program: PackedProgram, path: string): Promise<void> {
  const partial = `${path}.${process.pid}-${randomBytes(6).toString("hex")}.partial`;
  try {
    const file = await open(partial, "wx", 0o600);
    try {
      await file.chmod(0o500);
      // Where files may not be run this says so, before anything is written.
      accessSync(partial, constants.X_OK);
      await writeFile(file, contents(program));
    } finally {
      await file.close();
    }
    if (isThere(path, program)) await rm(partial);
    else await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** The program's bytes; ends well only if they are those that the package names. */
async function* contents(program: PackedProgram): AsyncGenerator<Uint8Array> {
  const { archive, sha256 } = program;
  const hash = createHash("sha256");
  let bytes = 0;
  const plain = createBrotliDecompress({ chunkSize: CHUNK });
  // Its outcome is what reading `plain` comes to.
  pipeline(createReadStream(archive, { highWaterMark: CHUNK }), plain, () => undefined);
  const chunks = plain[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  try {
    for (;;) {
      const next = await chunks.next().catch((cause: unknown) => {
        throw damaged(archive, cause instanceof Error ? cause.message : "it cannot be read", cause);
      });
      if (next.done === true) break;
      bytes += next.value.length;
      if (bytes > program.bytes) throw damaged(archive, `it holds more than ${program.bytes} bytes`);
      hash.update(next.value);
      yield next.value;
    }
  } finally {
    plain.destroy();
  }
  if (bytes < program.bytes) throw damaged(archive, `it holds ${bytes} bytes instead of ${program.bytes}`);
  const digest = hash.digest("hex");
  if (digest !== sha256) throw damaged(archive, `what it holds has the digest ${digest} instead of ${sha256}`);
}

function damaged(path: string, why: string, cause?: unknown): SidecarError {
  return new SidecarError("SIDECAR_DAMAGED", `${path} is damaged: ${why}; install the package again`, { option: "sidecar.binary", cause });
}

/** Removes programs of other versions that nobody started for long, and what was left of unpacking that was broken off. A program that runs does not need its file. */
function removeOld(folder: string, current: string): void {
  attempt(() => {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      const days = /^cenote-[0-9a-f]{64}$/.test(name) ? KEPT : /^cenote-[0-9a-f]{64}\.[0-9a-f-]+\.partial$/.test(name) ? 1 : Infinity;
      const found = lstatSync(path, { throwIfNoEntry: false });
      if (path !== current && found !== undefined && Date.now() - found.mtimeMs > days * DAY) rmSync(path, { force: true });
    }
  });
}

/** Does what may fail without harm. */
function attempt(what: () => void): void {
  try {
    what();
  } catch {
    // Somebody else's turn, or next time.
  }
}
