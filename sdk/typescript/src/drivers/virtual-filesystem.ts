/** The filesystem interface of the first generation: what an embedder implements, and what the in-memory filesystem offers. */

/** What a path of a {@link VirtualFileSystem} names. */
export interface VirtualStat {
  /** Type and permission bits (`st_mode`); without a type, `isDirectory` and `isSymbolicLink` say it. */
  mode: number;
  /** In bytes. */
  size: number;
  isDirectory: boolean;
  isSymbolicLink?: boolean;
  /** Milliseconds since 1970. */
  atimeMs?: number;
  mtimeMs?: number;
  ctimeMs?: number;
  birthtimeMs?: number;
  ino?: number;
  nlink?: number;
  uid?: number;
  gid?: number;
}

/** A name in a directory. */
export interface VirtualDirEntry {
  name: string;
  isDirectory: boolean;
  isSymbolicLink?: boolean;
}

/**
 * A filesystem of the embedder's. Paths are absolute in it. Methods reject with errors whose `code` is an errno's name (`ENOENT` …). What is
 * optional and missing answers ENOSYS, or is made of what is there.
 */
export interface VirtualFileSystem {
  readFile(path: string): Promise<Uint8Array>;
  writeFile(path: string, content: string | Uint8Array): Promise<void>;
  readDirWithTypes(path: string): Promise<VirtualDirEntry[]>;
  mkdir(path: string, options?: { recursive?: boolean }): Promise<void>;
  exists(path: string): Promise<boolean>;
  stat(path: string): Promise<VirtualStat>;
  removeFile(path: string): Promise<void>;
  removeDir(path: string): Promise<void>;
  rename(oldPath: string, newPath: string): Promise<void>;
  readTextFile?(path: string): Promise<string>;
  readDir?(path: string): Promise<string[]>;
  createDir?(path: string): Promise<void>;
  lstat?(path: string): Promise<VirtualStat>;
  symlink?(target: string, linkPath: string): Promise<void>;
  readlink?(path: string): Promise<string>;
  link?(oldPath: string, newPath: string): Promise<void>;
  chmod?(path: string, mode: number): Promise<void>;
  chown?(path: string, uid: number, gid: number): Promise<void>;
  utimes?(path: string, atimeMs: number, mtimeMs: number): Promise<void>;
  truncate?(path: string, length: number): Promise<void>;
  /** Reads a part: at most `length` bytes from `offset`. */
  pread?(path: string, offset: number, length: number): Promise<Uint8Array>;
  /** Writes a part at `offset`. */
  pwrite?(path: string, offset: number, data: Uint8Array): Promise<void>;
}
