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

/** One rule of a list. */
export interface PermissionRule {
  /** What it says; `"ask"` (not for `env`): the rules' `ask` function decides. */
  mode: "allow" | "deny" | "ask";
  /**
   * For which operations. Of files: `read` for all that looks, `write` for all that changes something, others as in the request's `op`, `open_read` and
   * `open_write` for nothing but opening. Default: all.
   */
  operations?: readonly string[];
  /** Globs of paths, for `fs`: absolute, `*` in a directory, `**` across. Default: everything. */
  paths?: readonly string[];
  /** Globs for the other scopes: `host`, `host:port` or a network; program names or paths; variable names; `collection.function`. */
  patterns?: readonly string[];
  /** For the guest's error. */
  reason?: string;
}

/** Rules as data, decided in the machine without asking unless one says so: the last that matches wins. */
export interface PermissionRules<T = never> {
  /** When none matches. Default: that of the scope. */
  default?: "allow" | "deny";
  /** In order. */
  rules?: readonly PermissionRule[];
  /** Decides what a rule of mode `"ask"` matches, and nothing else. */
  ask?: PermissionFunction<T>;
}

/** Everything a scope accepts: yes or no, a function that is asked, or rules as data. */
export type PermissionCheck<T> = boolean | "allow" | "deny" | PermissionFunction<T> | PermissionRules<T>;

/** What guests may do, scope by scope. */
export interface Permissions {
  /** Files of the machine. */
  fs?: PermissionCheck<FsAccessRequest>;
  /** Network outside the machine. */
  network?: PermissionCheck<NetworkAccessRequest>;
  /** Starting programs. */
  childProcess?: PermissionCheck<ChildProcessAccessRequest>;
  /** Environment variables that the embedder gives. */
  env?: PermissionCheck<EnvAccessRequest>;
  /** Host functions. */
  hostFunction?: PermissionCheck<HostFunctionAccessRequest>;
}
