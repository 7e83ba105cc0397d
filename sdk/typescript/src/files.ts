/** Files of a machine from outside: as its superuser; relative paths from its working directory. */
import { concat, pieces, toBytes, toText } from "./bytes.js";
import { OptionError } from "./errors.js";
import { FileKind, WriteMode, type FileStat as WireStat, type WriteFileRequestSchema } from "./gen/cenote/v1/files_pb.js";
import type { Machine } from "./machine.js";
import type { MessageInitShape } from "@bufbuild/protobuf";

/** Bytes sent at once. */
const CHUNK = 64 << 10;

/** What a path names. Modes and times as `stat(2)` has them. */
export interface FileStat {
  /** What it is. */
  kind: "file" | "directory" | "symlink" | "other";
  /** Whether it is a regular file. */
  isFile: boolean;
  /** Whether it is a directory. */
  isDirectory: boolean;
  /** Whether it is a symbolic link (only of `lstat`). */
  isSymbolicLink: boolean;
  /** In bytes. */
  size: number;
  /** The file type and the permission bits: `st_mode`. */
  mode: number;
  uid: number;
  gid: number;
  /** Inode number. */
  ino: number;
  /** Hard links. */
  nlink: number;
  /** Last read: milliseconds since 1970. */
  atimeMs: number;
  /** Last change of the content: milliseconds since 1970. */
  mtimeMs: number;
  /** Last change of anything: milliseconds since 1970. */
  ctimeMs: number;
}

/** A name in a directory. */
export interface DirectoryEntry {
  name: string;
  kind: FileStat["kind"];
  isDirectory: boolean;
  isSymbolicLink: boolean;
}

/** How a file is written. */
export interface WriteFileOptions {
  /** Permission bits of a new file. Default 0o644. */
  mode?: number;
  /** `"w"` empties it first (the default), `"a"` adds to its end, `"wx"` fails with EEXIST when it is there. */
  flag?: "w" | "a" | "wx";
  /** Whether to make directories above it that are missing. Default: false. */
  parents?: boolean;
}

/** A change below a watched path. */
export interface WatchEvent {
  /** `"rename"`: a name came or went; `"change"`: content or attributes changed; `"overflow"`: events were lost, look again. */
  eventType: "rename" | "change" | "overflow";
  /** Relative to the path watched; empty: the path itself. */
  filename: string;
}

const FILE_TYPE = { file: 0o100000, directory: 0o040000, symlink: 0o120000, other: 0 } as const;

/** @internal The files of one machine. */
export class Files {
  readonly #machine: Machine;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  async read(path: string): Promise<Uint8Array> {
    const { link } = this.#machine;
    return this.#machine.call(async (options) => {
      const chunks: Uint8Array[] = [];
      for await (const { data } of link.files.read({ path: toBytes(path) }, options)) chunks.push(data);
      return concat(chunks);
    });
  }

  async write(path: string, data: string | Uint8Array, options: WriteFileOptions = {}): Promise<void> {
    const how = { w: WriteMode.REPLACE, a: WriteMode.APPEND, wx: WriteMode.CREATE_NEW }[options.flag ?? "w"];
    if (how === undefined) throw new OptionError("flag", `${JSON.stringify(options.flag)} is none of "w", "a" and "wx"`);
    const open = { path: toBytes(path), mode: options.mode ?? 0, how, parents: options.parents ?? false };
    const bytes = toBytes(data);
    async function* messages(): AsyncGenerator<MessageInitShape<typeof WriteFileRequestSchema>> {
      yield { message: { case: "open", value: open } };
      for (const piece of pieces(bytes, CHUNK)) yield { message: { case: "data", value: piece as Uint8Array<ArrayBuffer> } };
    }
    await this.#machine.call((connect) => this.#machine.link.files.write(messages(), connect));
  }

  async readDir(path: string): Promise<DirectoryEntry[]> {
    return this.#machine.call(async (options) => {
      const entries: DirectoryEntry[] = [];
      for await (const page of this.#machine.link.files.readDir({ path: toBytes(path) }, options)) {
        for (const entry of page.entries) {
          const kind = kindName(entry.kind);
          entries.push({ name: toText(entry.name), kind, isDirectory: kind === "directory", isSymbolicLink: kind === "symlink" });
        }
      }
      return entries;
    });
  }

  async stat(path: string, noFollow = false): Promise<FileStat> {
    return this.#machine.call(async (options) => statFromWire(await this.#machine.link.files.stat({ path: toBytes(path), noFollow }, options)));
  }

  async exists(path: string): Promise<boolean> {
    return this.#machine.call(async (options) => (await this.#machine.link.files.exists({ path: toBytes(path) }, options)).exists);
  }

  async mkdir(path: string, options: { recursive?: boolean; mode?: number } = {}): Promise<void> {
    const request = { path: toBytes(path), recursive: options.recursive ?? false, mode: options.mode ?? 0 };
    await this.#machine.call((connect) => this.#machine.link.files.mkdir(request, connect));
  }

  async remove(path: string, options: { recursive?: boolean; force?: boolean } = {}): Promise<void> {
    const request = { path: toBytes(path), recursive: options.recursive ?? false, force: options.force ?? false };
    await this.#machine.call((connect) => this.#machine.link.files.remove(request, connect));
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#machine.call((options) => this.#machine.link.files.rename({ from: toBytes(from), to: toBytes(to) }, options));
  }

  async symlink(target: string, path: string): Promise<void> {
    await this.#machine.call((options) => this.#machine.link.files.symlink({ target: toBytes(target), path: toBytes(path) }, options));
  }

  async readLink(path: string): Promise<string> {
    return this.#machine.call(async (options) => toText((await this.#machine.link.files.readLink({ path: toBytes(path) }, options)).target));
  }

  async setAttributes(path: string, attributes: Attributes): Promise<void> {
    const { mode, uid, gid, atimeMs, mtimeMs, size } = attributes;
    const request = {
      path: toBytes(path),
      ...(mode === undefined ? {} : { mode }),
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
      ...(atimeMs === undefined ? {} : { accessedNs: nanoseconds(atimeMs) }),
      ...(mtimeMs === undefined ? {} : { modifiedNs: nanoseconds(mtimeMs) }),
      ...(size === undefined ? {} : { size: BigInt(size) }),
    };
    await this.#machine.call((options) => this.#machine.link.files.setAttributes(request, options));
  }
}

/** @internal What `setAttributes` changes. */
export interface Attributes {
  mode?: number;
  uid?: number;
  gid?: number;
  atimeMs?: number;
  mtimeMs?: number;
  size?: number;
}

function nanoseconds(milliseconds: number): bigint {
  return BigInt(Math.round(milliseconds * 1e3)) * 1000n;
}

/** @internal */
export function kindName(kind: FileKind): FileStat["kind"] {
  switch (kind) {
    case FileKind.FILE:
      return "file";
    case FileKind.DIRECTORY:
      return "directory";
    case FileKind.SYMLINK:
      return "symlink";
    default:
      return "other";
  }
}

function statFromWire(wire: WireStat): FileStat {
  const kind = kindName(wire.kind);
  return {
    kind,
    isFile: kind === "file",
    isDirectory: kind === "directory",
    isSymbolicLink: kind === "symlink",
    size: Number(wire.size),
    mode: FILE_TYPE[kind] | wire.mode,
    uid: wire.uid,
    gid: wire.gid,
    ino: Number(wire.inode),
    nlink: Number(wire.links),
    atimeMs: Number(wire.accessedNs) / 1e6,
    mtimeMs: Number(wire.modifiedNs) / 1e6,
    ctimeMs: Number(wire.changedNs) / 1e6,
  };
}
