/**
 * The in-memory filesystem of the first generation.
 *
 * Given to a driver, it is the machine's: its files are put into the machine when that is made, and from then on every method works on the
 * machine's files, so that guest and embedder see one another's changes. When the machine ends, what is there is taken back.
 */
import { posix } from "node:path";

import { concat, toBytes, toText } from "../bytes.js";
import { CenoteError } from "../errors.js";
import { Files } from "../files.js";
import type { Machine } from "../machine.js";
import type { VirtualDirEntry, VirtualFileSystem, VirtualStat } from "./virtual-filesystem.js";

/** Links followed before a path is refused. */
const LINK_LIMIT = 40;
/** Directories of a machine that are its own: not taken back when it ends. */
const MACHINE_OWN = new Set(["/bin", "/dev", "/etc", "/lib", "/proc", "/run", "/sbin", "/sys", "/usr", "/var", "/root/node_modules"]);

type Node =
  | { kind: "file"; data: Uint8Array; meta: Meta }
  | { kind: "directory"; entries: Map<string, Node>; meta: Meta }
  | { kind: "symlink"; target: string; meta: Meta };
type Directory = Extract<Node, { kind: "directory" }>;

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

function failed(code: string, operation: string, path: string): CenoteError {
  return new CenoteError(code, `${code}: ${operation} '${path}'`);
}

/** A filesystem in memory. Paths are absolute; directories above a file that is written are made. */
export class InMemoryFileSystem implements VirtualFileSystem {
  #root = directory();
  #machine: Machine | undefined;

  /** @internal The machine takes the files over, and gives them back when it ends. */
  async attach(machine: Machine): Promise<void> {
    if (this.#machine !== undefined) throw new CenoteError("IN_USE", "this filesystem belongs to a machine already");
    const files = new Files(machine);
    await putInto(files, this.#root, "/");
    this.#machine = machine;
    machine.beforeEnd(async () => {
      // A machine that is lost has nothing to give back: what was there before it stays.
      const back = await takeBack(files, this.#root, "/").catch(() => undefined);
      if (back !== undefined) this.#root = back;
      this.#machine = undefined;
    });
  }

  get #files(): Files | undefined {
    return this.#machine === undefined ? undefined : new Files(this.#machine);
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
      if (!here.entries.has(name)) here.entries.set(name, directory());
      at = posix.join(at, name);
    }
  }

  async readFile(path: string): Promise<Uint8Array> {
    if (this.#files) return this.#files.read(path);
    const node = this.#find(path, "open");
    if (node.kind !== "file") throw failed("EISDIR", "read", path);
    return node.data.slice();
  }

  async readTextFile(path: string): Promise<string> {
    return toText(await this.readFile(path));
  }

  async writeFile(path: string, content: string | Uint8Array): Promise<void> {
    if (this.#files) return this.#files.write(path, content, { parents: true });
    this.#put(path, toBytes(content).slice());
  }

  #put(path: string, data: Uint8Array): void {
    this.#makeParents(path);
    const [parent, name] = this.#place(path, "open");
    let node = parent.entries.get(name);
    if (node?.kind === "symlink") node = this.#find(path, "open");
    if (node?.kind === "directory") throw failed("EISDIR", "open", path);
    if (node?.kind === "file") {
      node.data = data;
      node.meta.mtimeMs = node.meta.ctimeMs = Date.now();
    } else {
      parent.entries.set(name, { kind: "file", data, meta: meta(0o644) });
    }
  }

  async readDir(path: string): Promise<string[]> {
    return (await this.readDirWithTypes(path)).map(({ name }) => name);
  }

  async readDirWithTypes(path: string): Promise<VirtualDirEntry[]> {
    if (this.#files) return (await this.#files.readDir(path)).map(({ name, isDirectory, isSymbolicLink }) => ({ name, isDirectory, isSymbolicLink }));
    const { entries } = this.#directory(path, "scandir");
    return [...entries]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, node]) => ({ name, isDirectory: node.kind === "directory", isSymbolicLink: node.kind === "symlink" }));
  }

  async mkdir(path: string, options: { recursive?: boolean } = {}): Promise<void> {
    if (this.#files) return this.#files.mkdir(path, options);
    if (options.recursive === true) return this.#makeParents(posix.join(path, "x"));
    const [parent, name] = this.#place(path, "mkdir");
    if (parent.entries.has(name)) throw failed("EEXIST", "mkdir", path);
    parent.entries.set(name, directory());
  }

  async createDir(path: string): Promise<void> {
    return this.mkdir(path);
  }

  async exists(path: string): Promise<boolean> {
    if (this.#files) return this.#files.exists(path);
    try {
      this.#find(path, "stat");
      return true;
    } catch {
      return false;
    }
  }

  async stat(path: string): Promise<VirtualStat> {
    if (this.#files) return this.#files.stat(path);
    return stat(this.#find(path, "stat"));
  }

  async lstat(path: string): Promise<VirtualStat> {
    if (this.#files) return this.#files.stat(path, true);
    return stat(this.#find(path, "lstat", false));
  }

  async removeFile(path: string): Promise<void> {
    if (this.#files) {
      // `remove` takes empty directories too.
      if ((await this.#files.stat(path, true)).isDirectory) throw failed("EISDIR", "unlink", path);
      return this.#files.remove(path);
    }
    const [parent, name] = this.#place(path, "unlink");
    const node = parent.entries.get(name);
    if (node === undefined) throw failed("ENOENT", "unlink", path);
    if (node.kind === "directory") throw failed("EISDIR", "unlink", path);
    node.meta.nlink -= 1;
    parent.entries.delete(name);
  }

  async removeDir(path: string): Promise<void> {
    if (this.#files) {
      if (!(await this.#files.stat(path, true)).isDirectory) throw failed("ENOTDIR", "rmdir", path);
      return this.#files.remove(path);
    }
    const [parent, name] = this.#place(path, "rmdir");
    const node = parent.entries.get(name);
    if (node === undefined) throw failed("ENOENT", "rmdir", path);
    if (node.kind !== "directory") throw failed("ENOTDIR", "rmdir", path);
    if (node.entries.size > 0) throw failed("ENOTEMPTY", "rmdir", path);
    parent.entries.delete(name);
  }

  async rename(oldPath: string, newPath: string): Promise<void> {
    if (this.#files) return this.#files.rename(oldPath, newPath);
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
  }

  async symlink(target: string, linkPath: string): Promise<void> {
    if (this.#files) return this.#files.symlink(target, linkPath);
    const [parent, name] = this.#place(linkPath, "symlink");
    if (parent.entries.has(name)) throw failed("EEXIST", "symlink", linkPath);
    parent.entries.set(name, { kind: "symlink", target, meta: meta(0o777) });
  }

  async readlink(path: string): Promise<string> {
    if (this.#files) return this.#files.readLink(path);
    const node = this.#find(path, "readlink", false);
    if (node.kind !== "symlink") throw failed("EINVAL", "readlink", path);
    return node.target;
  }

  async link(oldPath: string, newPath: string): Promise<void> {
    if (this.#files) throw failed("ENOSYS", "link", newPath);
    const node = this.#find(oldPath, "link", false);
    if (node.kind === "directory") throw failed("EPERM", "link", oldPath);
    const [parent, name] = this.#place(newPath, "link");
    if (parent.entries.has(name)) throw failed("EEXIST", "link", newPath);
    parent.entries.set(name, node);
    node.meta.nlink += 1;
  }

  async chmod(path: string, mode: number): Promise<void> {
    if (this.#files) return this.#files.setAttributes(path, { mode: mode & 0o7777 });
    this.#find(path, "chmod").meta.mode = mode & 0o7777;
  }

  async chown(path: string, uid: number, gid: number): Promise<void> {
    if (this.#files) return this.#files.setAttributes(path, { uid, gid });
    Object.assign(this.#find(path, "chown").meta, { uid, gid });
  }

  async utimes(path: string, atimeMs: number, mtimeMs: number): Promise<void> {
    if (this.#files) return this.#files.setAttributes(path, { atimeMs, mtimeMs });
    Object.assign(this.#find(path, "utime").meta, { atimeMs, mtimeMs });
  }

  async truncate(path: string, length: number): Promise<void> {
    if (this.#files) return this.#files.setAttributes(path, { size: length });
    const node = this.#find(path, "truncate");
    if (node.kind !== "file") throw failed("EISDIR", "truncate", path);
    const data = new Uint8Array(length);
    data.set(node.data.subarray(0, length));
    node.data = data;
  }

  async pread(path: string, offset: number, length: number): Promise<Uint8Array> {
    return (await this.readFile(path)).slice(offset, offset + length);
  }

  async pwrite(path: string, offset: number, data: Uint8Array): Promise<void> {
    const before = await this.readFile(path);
    const gap = new Uint8Array(Math.max(0, offset - before.byteLength));
    await this.writeFile(path, concat([before.subarray(0, offset), gap, data, before.subarray(offset + data.byteLength)]));
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

async function putInto(files: Files, from: Directory, path: string): Promise<void> {
  for (const [name, node] of from.entries) {
    const place = posix.join(path, name);
    if (node.kind === "file") await files.write(place, node.data, { mode: node.meta.mode, parents: true });
    else if (node.kind === "symlink") await files.symlink(node.target, place);
    else {
      await files.mkdir(place, { recursive: true });
      if (node.meta.mode !== 0o755) await files.setAttributes(place, { mode: node.meta.mode });
      await putInto(files, node, place);
    }
  }
}

/** The machine's files as a tree; its own directories only as far as they were in the tree before. */
async function takeBack(files: Files, before: Directory | undefined, path: string): Promise<Directory> {
  const tree = directory();
  for (const { name, kind } of await files.readDir(path)) {
    const place = posix.join(path, name);
    const old = before?.entries.get(name);
    if (MACHINE_OWN.has(place) && old === undefined) continue;
    if (kind === "directory") tree.entries.set(name, await takeBack(files, old?.kind === "directory" ? old : undefined, place));
    else if (kind === "symlink") tree.entries.set(name, { kind, target: await files.readLink(place), meta: meta(0o777) });
    else if (kind === "file") {
      const { mode } = await files.stat(place);
      tree.entries.set(name, { kind, data: await files.read(place), meta: meta(mode & 0o7777) });
    }
  }
  return tree;
}

/** A filesystem in memory, for {@link createNodeDriver}'s `filesystem`, or for a mount. */
export function createInMemoryFileSystem(): InMemoryFileSystem {
  return new InMemoryFileSystem();
}
