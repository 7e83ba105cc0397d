/** What a guest asks for, and what an embedder answers. Requests carry both spellings in use: `op` and `operation`, `key` and `name`. */

/** What a guest wants to do with a file of the machine. */
export interface FsAccessRequest {
  /** `read write mkdir rmdir stat readdir rm rename link symlink readlink chmod chown utimes truncate`. */
  op: string;
  /** The kind of `op`: `read` for what only looks (`read stat readdir readlink`), `write` for all that changes something. */
  operation: string;
  /** The path in the machine, resolved. What is below a directory moves with it: to refuse what is below, refuse the `rename` too. */
  path: string;
  /** The other path: where a rename or a hard link leads, what a symbolic link says. */
  destination?: string;
  /** The process that asks. */
  pid?: number;
}

/** What a guest wants of the network. */
export interface NetworkAccessRequest {
  /**
   * `dns` for the look-up of a name, `connect` for a connection or datagrams to an address outside, `listen` when a guest takes connections (inside the
   * machine, where only its own programs and `rt.fetch` reach it). With a network adapter requests of HTTP are `fetch` or `http`; where there is none
   * the bytes of a connection are the guest's own, and what it says in them is not known here.
   */
  op: string;
  /** The same as `op`. */
  operation: string;
  /** As the guest named it; its address when it gave one. */
  hostname: string;
  /** The address it resolved to, where that is known. */
  address?: string;
  /** The port, where there is one. */
  port?: number;
  /** The URL, where it is known. */
  url?: string;
  /** The HTTP method, where it is known. */
  method?: string;
  /** The process that asks. */
  pid?: number;
}

/** A program that a guest wants to start. */
export interface ChildProcessAccessRequest {
  /** `spawn`. */
  op: string;
  /** The same as `op`. */
  operation: string;
  /**
   * The name of what is executed, where it is a command of the machine (`node`, `sh`), whatever the guest says it is called (`argv0`); its whole path
   * otherwise: for files elsewhere, links that guests made, and programs told to be others than they were found as.
   */
  command: string;
  /** Its arguments, without the command itself. */
  args: string[];
  /** Its working directory. */
  cwd?: string;
  /** Its environment. */
  env?: Record<string, string>;
  /** The program's resolved path in the machine, where there is one. */
  path?: string;
  /** The process that asks. */
  pid?: number;
}

/** An environment variable that is to reach a guest. */
export interface EnvAccessRequest {
  /** `read` or `write`. */
  op: string;
  /** The same as `op`. */
  operation: string;
  /** The variable's name. */
  key: string;
  /** The same as `key`. */
  name: string;
  /** Its value. */
  value?: string;
}

/** A host function that a guest calls. */
export interface HostFunctionAccessRequest {
  /** `call`. */
  op: string;
  /** The same as `op`. */
  operation: string;
  /** The collection. */
  collection: string;
  /** The function in it. */
  function: string;
  /** The process that asks. */
  pid?: number;
}

/** An answer with a reason, which the guest's error and the audit show. */
export interface PermissionDecision {
  /** Whether it may. */
  allow: boolean;
  /** Why not. */
  reason?: string;
}

/** Decides one request, at once or later. */
export type PermissionFunction<T> = (
  request: T,
) => boolean | PermissionDecision | Promise<boolean> | Promise<PermissionDecision> | Promise<boolean | PermissionDecision>;

/** A kind of operations of files, or one of them: `read` for all that looks, `write` for all that changes something, `open_read` and `open_write` for nothing but opening. */
export type FsOperation =
  | "read"
  | "write"
  | "open_read"
  | "open_write"
  | "mkdir"
  | "rmdir"
  | "stat"
  | "readdir"
  | "rm"
  | "rename"
  | "link"
  | "symlink"
  | "readlink"
  | "chmod"
  | "chown"
  | "utimes"
  | "truncate";

/**
 * An operation of the network: `connect` for connections to an address outside, `send` for datagrams, `dns` for look-ups of names, `http` (or `fetch`, the
 * same) for requests through a network adapter, whose connection is a `connect` before, `listen` for taking connections inside the machine. A rule without
 * operations speaks of all but `listen`, which leaves nothing out of the machine.
 */
export type NetworkOperation = "connect" | "send" | "dns" | "http" | "fetch" | "listen";

/** The operations that rules of each scope may name. Where there is one, to name it is to name none. */
export interface ScopeOperations {
  /** Of files. */
  fs: FsOperation;
  /** Of the network. */
  network: NetworkOperation;
  /** Starting a program. */
  childProcess: "spawn";
  /** Seeing a variable that the embedder gives; what guests change is their own. */
  env: "read";
  /** Calling a function. */
  hostFunction: "call";
}

/** One rule of a list. */
export interface PermissionRule<O extends string = FsOperation> {
  /** What it says; `"ask"`: the rules' `ask` function decides. */
  mode: "allow" | "deny" | "ask";
  /** For which operations, see {@link ScopeOperations}. Default: all. */
  operations?: readonly O[];
  /** Globs of paths, for `fs`: absolute, `*` in a directory, `**` across; of files, not of links to them. Default: everything. */
  paths?: readonly string[];
  /**
   * Globs for the other scopes: `host`, `host:port` or a network; names of commands (`ls`) or paths of programs (not of links to them); variable names;
   * `collection.function`.
   */
  patterns?: readonly string[];
  /** Why it refuses: for the guest's error, where that has room for a text (Node's errors of files, host functions), and for the events. */
  reason?: string;
}

/** Rules as data, decided in the machine without asking unless one says so: the last that matches wins. */
export interface PermissionRules<T = never, O extends string = string> {
  /** When none matches. Default: that of the scope. */
  default?: "allow" | "deny";
  /** In order. */
  rules?: readonly PermissionRule<O>[];
  /** Decides what a rule of mode `"ask"` matches, and nothing else. Variables of the machine are asked for when its first program starts. */
  ask?: PermissionFunction<T>;
}

/** Everything a scope accepts: yes or no, a function that is asked, or rules as data. */
export type PermissionCheck<T, O extends string = string> = boolean | "allow" | "deny" | PermissionFunction<T> | PermissionRules<T, O>;

/** What guests may do, scope by scope. */
export interface Permissions {
  /** Files of the machine. */
  fs?: PermissionCheck<FsAccessRequest, ScopeOperations["fs"]>;
  /** Network outside the machine. */
  network?: PermissionCheck<NetworkAccessRequest, ScopeOperations["network"]>;
  /** Starting programs. */
  childProcess?: PermissionCheck<ChildProcessAccessRequest, ScopeOperations["childProcess"]>;
  /** Environment variables that the embedder gives. */
  env?: PermissionCheck<EnvAccessRequest, ScopeOperations["env"]>;
  /** Host functions. */
  hostFunction?: PermissionCheck<HostFunctionAccessRequest, ScopeOperations["hostFunction"]>;
}
