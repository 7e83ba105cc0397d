/** The in-memory filesystem of the first generation. Its files stay in this process; machines ask for them as any {@link VirtualFileSystem}'s. */
import { posix } from "node:path";

import { toBytes, toText } from "../bytes.js";
import { CenoteError } from "../errors.js";
import type { VirtualDirEntry, VirtualFileSystem, VirtualStat } from "./virtual-filesystem.js";

/** Bytes that files may hold together, unless the embedder says otherwise. */
const SIZE_LIMIT = 256 << 20;
/** What a file, link or directory counts for besides its bytes: guests make as many as they like. */
const NODE_SIZE = 512;
/** Links followed before a path is refused. */
const LINK_LIMIT = 40;

type Node =
  | { kind: "file"; data: Uint8Array<ArrayBuffer>; meta: Meta }
  | { kind: "directory"; entries: Map<string, Node>; meta: Meta }
  | { kind: "symlink"; target: string; meta: Meta };
type Directory = Extract<Node, { kind: "directory" }>;
type File = Extract<Node, { kind: "file" }>;

interface Meta {
  mode: number;
  uid: number;
  gid: number;
  atimeMs: number;
  mtimeMs: number;
  ctimeMs: number;
  ino: number;
  nlink: number;
}

let inodes = 0;

function meta(mode: number): Meta {
  const now = Date.now();
  return { mode, uid: 0, gid: 0, atimeMs: now, mtimeMs: now, ctimeMs: now, ino: ++inodes, nlink: 1 };
}

function directory(): Directory {
  return { kind: "directory", entries: new Map(), meta: meta(0o755) };
}

function contentSize(node: Node): number {
  if (node.kind === "file") return node.data.byteLength;
  return node.kind === "symlink" ? node.target.length : 0;
}

function failed(code: string, operation: string, path: string): CenoteError {
  return new CenoteError(code, `${code}: ${operation} '${path}'`);
}

/** A filesystem in memory. Paths are absolute; directories above a file that is written are made. */
export class InMemoryFileSystem implements VirtualFileSystem {
  readonly #root = directory();
  readonly #limit: number;
  #used = 0;

  /** @internal */
  constructor(limit = SIZE_LIMIT) {
    this.#limit = limit;
  }

  /** Takes room, or gives it back. */
  #charge(bytes: number, operation: string, path: string): void {
    if (bytes > 0 && this.#used + bytes > this.#limit) throw failed("ENOSPC", operation, path);
    this.#used += bytes;
  }

  /** Puts something new into a directory. */
  #add(parent: Directory, name: string, node: Node, operation: string, path: string): void {
    this.#charge(NODE_SIZE + contentSize(node), operation, path);
    parent.entries.set(name, node);
  }

  /** A name of something went away. */
  #release(node: Node): void {
    node.meta.nlink -= 1;
    if (node.meta.nlink === 0) this.#used -= NODE_SIZE + contentSize(node);
  }

  /** Cuts a file, or fills it with zeros; room is taken ahead, so that many small writes do not copy it each time. */
  #resize(node: File, length: number, operation: string, path: string): void {
    const before = node.data.byteLength;
    this.#charge(length - before, operation, path);
    if (length <= before) {
      node.data.fill(0, length);
      node.data = node.data.subarray(0, length);
    } else if (node.data.byteOffset + length <= node.data.buffer.byteLength) {
      node.data = new Uint8Array(node.data.buffer, node.data.byteOffset, length);
    } else {
      const buffer = new Uint8Array(Math.max(length, Math.min(before * 2, before + (16 << 20))));
      buffer.set(node.data);
      node.data = buffer.subarray(0, length);
    }
    node.meta.mtimeMs = node.meta.ctimeMs = Date.now();
  }

  /** The node of a path; the last link is followed unless told otherwise. */
  #find(path: string, operation: string, followLast = true): Node {
    let links = 0;
    const walk = (from: string): Node => {
      let node: Node = this.#root;
      let at = "/";
      const names = posix.resolve("/", from).split("/").filter(Boolean);
      for (const [index, name] of names.entries()) {
        if (node.kind !== "directory") throw failed("ENOTDIR", operation, path);
        const next = node.entries.get(name);
        if (next === undefined) throw failed("ENOENT", operation, path);
        const last = index === names.length - 1;
        if (next.kind === "symlink" && (!last || followLast)) {
          if (++links > LINK_LIMIT) throw failed("ELOOP", operation, path);
          return walk(posix.join(posix.resolve(at, next.target), ...names.slice(index + 1)));
        }
        node = next;
        at = posix.join(at, name);
      }
      return node;
    };
    return walk(path);
  }

  #directory(path: string, operation: string): Directory {
    const node = this.#find(path, operation);
    if (node.kind !== "directory") throw failed("ENOTDIR", operation, path);
    return node;
  }

  /** The directory a name is in, and the name. */
  #place(path: string, operation: string): [Directory, string] {
    const full = posix.resolve("/", path);
    if (full === "/") throw failed("EBUSY", operation, path);
    return [this.#directory(posix.dirname(full), operation), posix.basename(full)];
  }

  #makeParents(path: string): void {
    const names = posix.dirname(posix.resolve("/", path)).split("/").filter(Boolean);
    let at = "/";
    for (const name of names) {
      const here = this.#directory(at, "mkdir");
      if (!here.entries.has(name)) this.#add(here, name, directory(), "mkdir", path);
      at = posix.join(at, name);
    }
  }

  async readFile(path: string): Promise<Uint8Array> {
    const node = this.#find(path, "open");
    if (node.kind !== "file") throw failed("EISDIR", "read", path);
    return node.data.slice();
  }

  async readTextFile(path: string): Promise<string> {
    return toText(await this.readFile(path));
  }

  async writeFile(path: string, content: string | Uint8Array): Promise<void> {
    this.#put(path, new Uint8Array(toBytes(content)));
  }

  #put(path: string, data: Uint8Array<ArrayBuffer>): void {
    this.#makeParents(path);
    const [parent, name] = this.#place(path, "open");
    let node = parent.entries.get(name);
    if (node?.kind === "symlink") node = this.#find(path, "open");
    if (node?.kind === "directory") throw failed("EISDIR", "open", path);
    if (node?.kind === "file") {
      this.#charge(data.byteLength - node.data.byteLength, "open", path);
      node.data = data;
      node.meta.mtimeMs = node.meta.ctimeMs = Date.now();
    } else {
      this.#add(parent, name, { kind: "file", data, meta: meta(0o644) }, "open", path);
    }
  }

  async readDir(path: string): Promise<string[]> {
    return (await this.readDirWithTypes(path)).map(({ name }) => name);
  }

  async readDirWithTypes(path: string): Promise<VirtualDirEntry[]> {
    const { entries } = this.#directory(path, "scandir");
    return [...entries]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, node]) => ({ name, isDirectory: node.kind === "directory", isSymbolicLink: node.kind === "symlink" }));
  }

  async mkdir(path: string, options: { recursive?: boolean } = {}): Promise<void> {
    if (options.recursive === true) return this.#makeParents(posix.join(path, "x"));
    const [parent, name] = this.#place(path, "mkdir");
    if (parent.entries.has(name)) throw failed("EEXIST", "mkdir", path);
    this.#add(parent, name, directory(), "mkdir", path);
  }

  async createDir(path: string): Promise<void> {
    return this.mkdir(path);
  }

  async exists(path: string): Promise<boolean> {
    try {
      this.#find(path, "stat");
      return true;
    } catch {
      return false;
    }
  }

  async stat(path: string): Promise<VirtualStat> {
    return stat(this.#find(path, "stat"));
  }

  async lstat(path: string): Promise<VirtualStat> {
    return stat(this.#find(path, "lstat", false));
  }

  async removeFile(path: string): Promise<void> {
    const [parent, name] = this.#place(path, "unlink");
    const node = parent.entries.get(name);
    if (node === undefined) throw failed("ENOENT", "unlink", path);
    if (node.kind === "directory") throw failed("EISDIR", "unlink", path);
    parent.entries.delete(name);
    this.#release(node);
  }

  async removeDir(path: string): Promise<void> {
    const [parent, name] = this.#place(path, "rmdir");
    const node = parent.entries.get(name);
    if (node === undefined) throw failed("ENOENT", "rmdir", path);
    if (node.kind !== "directory") throw failed("ENOTDIR", "rmdir", path);
    if (node.entries.size > 0) throw failed("ENOTEMPTY", "rmdir", path);
    parent.entries.delete(name);
    this.#release(node);
  }

  async rename(oldPath: string, newPath: string): Promise<void> {
    const [from, name] = this.#place(oldPath, "rename");
    const [to, newName] = this.#place(newPath, "rename");
    const node = from.entries.get(name);
    if (node === undefined) throw failed("ENOENT", "rename", oldPath);
    const there = to.entries.get(newName);
    if (there === node) return;
    if (`${posix.resolve("/", newPath)}/`.startsWith(`${posix.resolve("/", oldPath)}/`)) throw failed("EINVAL", "rename", oldPath);
    if (there?.kind === "directory") {
      if (node.kind !== "directory") throw failed("EISDIR", "rename", newPath);
      if (there.entries.size > 0) throw failed("ENOTEMPTY", "rename", newPath);
    } else if (there !== undefined && node.kind === "directory") {
      throw failed("ENOTDIR", "rename", newPath);
    }
    from.entries.delete(name);
    to.entries.set(newName, node);
    if (there !== undefined) this.#release(there);
  }

  async symlink(target: string, linkPath: string): Promise<void> {
    const [parent, name] = this.#place(linkPath, "symlink");
    if (parent.entries.has(name)) throw failed("EEXIST", "symlink", linkPath);
    this.#add(parent, name, { kind: "symlink", target, meta: meta(0o777) }, "symlink", linkPath);
  }

  async readlink(path: string): Promise<string> {
    const node = this.#find(path, "readlink", false);
    if (node.kind !== "symlink") throw failed("EINVAL", "readlink", path);
    return node.target;
  }

  async link(oldPath: string, newPath: string): Promise<void> {
    const node = this.#find(oldPath, "link", false);
    if (node.kind === "directory") throw failed("EPERM", "link", oldPath);
    const [parent, name] = this.#place(newPath, "link");
    if (parent.entries.has(name)) throw failed("EEXIST", "link", newPath);
    parent.entries.set(name, node);
    node.meta.nlink += 1;
  }

  async chmod(path: string, mode: number): Promise<void> {
    this.#find(path, "chmod").meta.mode = mode & 0o7777;
  }

  async chown(path: string, uid: number, gid: number): Promise<void> {
    Object.assign(this.#find(path, "chown").meta, { uid, gid });
  }

  async utimes(path: string, atimeMs: number, mtimeMs: number): Promise<void> {
    Object.assign(this.#find(path, "utime").meta, { atimeMs, mtimeMs });
  }

  async truncate(path: string, length: number): Promise<void> {
    const node = this.#find(path, "truncate");
    if (node.kind !== "file") throw failed("EISDIR", "truncate", path);
    this.#resize(node, length, "truncate", path);
  }

  #file(path: string, operation: string): File {
    const node = this.#find(path, operation);
    if (node.kind !== "file") throw failed("EISDIR", operation, path);
    return node;
  }

  async pread(path: string, offset: number, length: number): Promise<Uint8Array> {
    return this.#file(path, "read").data.slice(offset, offset + length);
  }

  async pwrite(path: string, offset: number, data: Uint8Array): Promise<void> {
    const node = this.#file(path, "write");
    this.#resize(node, Math.max(offset + data.byteLength, node.data.byteLength), "write", path);
    node.data.set(data, offset);
  }
}

function stat(node: Node): VirtualStat {
  const type = { file: 0o100000, directory: 0o040000, symlink: 0o120000 }[node.kind];
  const size = node.kind === "file" ? node.data.byteLength : node.kind === "symlink" ? toBytes(node.target).byteLength : 0;
  return {
    ...node.meta,
    mode: type | node.meta.mode,
    size,
    isDirectory: node.kind === "directory",
    isSymbolicLink: node.kind === "symlink",
    birthtimeMs: node.meta.ctimeMs,
  };
}

/**
 * A filesystem in memory, for {@link createNodeDriver}'s `filesystem`, or for a mount. Guests and embedder see one another's changes; it outlives
 * machines, and several may have it at once. `limitBytes`: what it may hold, 512 bytes a file and the files' own; default 256 MiB, then `ENOSPC`.
 */
export function createInMemoryFileSystem(options: { limitBytes?: number } = {}): InMemoryFileSystem {
  return new InMemoryFileSystem(options.limitBytes);
}
