/** Calls into filesystems of the embedder. */
import type { MessageInitShape } from "@bufbuild/protobuf";

import { toBytes, toText } from "../bytes.js";
import { CenoteError } from "../errors.js";
import { FileKind } from "../gen/cenote/v1/files_pb.js";
import type { FilesystemCall, FilesystemResultSchema } from "../gen/cenote/v1/host_pb.js";
import type { VirtualFileSystem, VirtualStat } from "../drivers/virtual-filesystem.js";

type Result = NonNullable<MessageInitShape<typeof FilesystemResultSchema>["result"]>;

const DONE: Result = { case: "done", value: {} };

/** Answers one call. */
export async function answerFile(fs: VirtualFileSystem, call: FilesystemCall["call"]): Promise<Result> {
  switch (call.case) {
    case "stat":
      return { case: "stat", value: statToWire(await (fs.lstat ?? fs.stat).call(fs, absolute(call.value.path))) };
    case "readDir": {
      const entries = await fs.readDirWithTypes(absolute(call.value.path));
      const kind = (entry: { isDirectory: boolean; isSymbolicLink?: boolean }): FileKind =>
        entry.isSymbolicLink === true ? FileKind.SYMLINK : entry.isDirectory ? FileKind.DIRECTORY : FileKind.FILE;
      return { case: "entries", value: { entries: entries.map((entry) => ({ name: toBytes(entry.name), kind: kind(entry) })) } };
    }
    case "read":
      return { case: "data", value: await read(fs, absolute(call.value.path), Number(call.value.offset), call.value.length) };
    case "write":
      await write(fs, absolute(call.value.path), Number(call.value.offset), call.value.data);
      return DONE;
    case "create":
      if (await fs.exists(absolute(call.value.path))) throw new CenoteError("EEXIST", "it exists");
      await fs.writeFile(absolute(call.value.path), new Uint8Array());
      await fs.chmod?.(absolute(call.value.path), call.value.mode);
      return DONE;
    case "truncate":
      await truncate(fs, absolute(call.value.path), Number(call.value.size));
      return DONE;
    case "mkdir":
      await fs.mkdir(absolute(call.value.path));
      await fs.chmod?.(absolute(call.value.path), call.value.mode);
      return DONE;
    case "unlink":
      await fs.removeFile(absolute(call.value.path));
      return DONE;
    case "rmdir":
      await fs.removeDir(absolute(call.value.path));
      return DONE;
    case "rename":
      await fs.rename(absolute(call.value.from), absolute(call.value.to));
      return DONE;
    case "symlink":
      await there(fs.symlink, "symlink").call(fs, toText(call.value.target), absolute(call.value.path));
      return DONE;
    case "readLink":
      return { case: "target", value: toBytes(await there(fs.readlink, "readlink").call(fs, absolute(call.value.path))) };
    case "link":
      await there(fs.link, "link").call(fs, absolute(call.value.from), absolute(call.value.to));
      return DONE;
    case "setAttributes": {
      const { mode, uid, gid, accessedNs, modifiedNs, size } = call.value;
      const path = absolute(call.value.path);
      if (mode !== undefined) await there(fs.chmod, "chmod").call(fs, path, mode);
      if (uid !== undefined || gid !== undefined) {
        const now = await fs.stat(path);
        await there(fs.chown, "chown").call(fs, path, uid ?? now.uid ?? 0, gid ?? now.gid ?? 0);
      }
      if (accessedNs !== undefined || modifiedNs !== undefined) {
        const now = await fs.stat(path);
        const ms = (ns: bigint | undefined, otherwise: number | undefined): number => (ns === undefined ? (otherwise ?? 0) : Number(ns) / 1e6);
        await there(fs.utimes, "utimes").call(fs, path, ms(accessedNs, now.atimeMs), ms(modifiedNs, now.mtimeMs));
      }
      if (size !== undefined) await truncate(fs, path, Number(size));
      return DONE;
    }
    default:
      throw new CenoteError("ENOSYS", "this version of the package does not know the call");
  }
}

function absolute(path: Uint8Array): string {
  return `/${toText(path)}`;
}

function there<F>(method: F | undefined, name: string): F {
  if (method === undefined) throw new CenoteError("ENOSYS", `the filesystem has no ${name}`);
  return method;
}

async function read(fs: VirtualFileSystem, path: string, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = fs.pread === undefined ? (await fs.readFile(path)).subarray(offset, offset + length) : await fs.pread(path, offset, length);
  return toBytes(bytes);
}

async function write(fs: VirtualFileSystem, path: string, offset: number, data: Uint8Array): Promise<void> {
  if (fs.pwrite !== undefined) return fs.pwrite(path, offset, data);
  const before = await fs.readFile(path);
  const after = new Uint8Array(Math.max(before.byteLength, offset + data.byteLength));
  after.set(before);
  after.set(data, offset);
  await fs.writeFile(path, after);
}

async function truncate(fs: VirtualFileSystem, path: string, size: number): Promise<void> {
  if (fs.truncate !== undefined) return fs.truncate(path, size);
  const before = await fs.readFile(path);
  const after = new Uint8Array(size);
  after.set(before.subarray(0, size));
  await fs.writeFile(path, after);
}

function statToWire(stat: VirtualStat): NonNullable<Extract<Result, { case: "stat" }>["value"]> {
  const kind = stat.isSymbolicLink === true ? FileKind.SYMLINK : stat.isDirectory ? FileKind.DIRECTORY : FileKind.FILE;
  const ns = (ms: number | undefined): bigint => BigInt(Math.round((ms ?? 0) * 1e3)) * 1000n;
  return {
    kind,
    size: BigInt(stat.size),
    mode: stat.mode & 0o7777,
    uid: stat.uid ?? 0,
    gid: stat.gid ?? 0,
    inode: BigInt(stat.ino ?? 0),
    links: BigInt(stat.nlink ?? 1),
    accessedNs: ns(stat.atimeMs),
    modifiedNs: ns(stat.mtimeMs),
    changedNs: ns(stat.ctimeMs),
  };
}
