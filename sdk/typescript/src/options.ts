/** Options of a machine and of one call. */
import type { HostFunctionCollections } from "./host/functions.js";
import type { CommandExecutor } from "./drivers/command-executor.js";
import type { VirtualFileSystem } from "./drivers/virtual-filesystem.js";
import type { Limits, Timing } from "./limits.js";
import type { Permissions } from "./permissions/requests.js";
import type { Sidecar, SidecarOptions } from "./sidecar/sidecar.js";

/** Something of the host, or of the embedder, at a directory of the machine. */
export type Mount = {
  /** Absolute path in the machine; made if it is not there. */
  guestPath: string;
} & (
  | {
      /** A directory of the host. Links in it never lead out of it. */
      hostPath: string;
      /** Whether guests cannot change it. Default: true. */
      readOnly?: boolean;
      /** Bytes that guests may add. Default: no limit. */
      sizeLimitBytes?: number;
    }
  | {
      /** A tar file (plain, gzip or zstd) of the host, or its bytes, shown read-only. */
      image: string | Uint8Array;
    }
  | {
      /** A filesystem of the embedder, answered by its methods. */
      filesystem: VirtualFileSystem;
      /** Whether guests cannot change it. Default: false. */
      readOnly?: boolean;
    }
  | {
      /** An empty directory in memory with a size of its own, in bytes. */
      memoryBytes: number;
    }
);

/** Programs of the embedder that guests may start, as far as the `childProcess` permission lets them. */
export interface HostCommands {
  /** Runs them. */
  executor: CommandExecutor;
  /**
   * Which: globs on the name (`git`, `python*`) or, with a slash in them, on the path. Plain names become files in the machine's
   * `/usr/local/bin`, so that shells find them. Default: every program that a guest starts.
   */
  only?: readonly string[];
}

/** Which sidecar a machine lives on. */
export type SidecarChoice = "shared" | "own" | Sidecar | SidecarOptions;

/**
 * What guests are told of their system where that is not to be what it is. One source for all that ask: Node's `process` and `os`, `uname`,
 * `/proc`. Names are words: calls, paths and numbers stay those of Linux, and what a program could not believe without going wrong is refused.
 */
export interface OsOptions {
  /** `process.platform`: `linux` (the default), `darwin`, `freebsd` or `openbsd`. */
  platform?: string;
  /** `process.arch`: `x64` (the default), `arm64`, `arm`, `ia32`, `loong64`, `mipsel`, `ppc64` or `riscv64`. */
  arch?: string;
  /** `os.type()`, `uname -s`. Default: as goes with the platform. At most 64 bytes, as the next three. */
  type?: string;
  /** `os.release()`, `uname -r`. */
  release?: string;
  /** `os.version()`, `uname -v`. */
  version?: string;
  /** `os.machine()`, `uname -m`. Default: as goes with the processor. */
  machine?: string;
  /** `os.homedir()`, absolute; made if missing. It is the variable `HOME`, so that one of `env` wins. Default `/root`, for another user than 0 `/home/user`. */
  homedir?: string;
  /** `os.tmpdir()`, absolute; made if missing. It is the variable `TMPDIR`. Default `/tmp`. */
  tmpdir?: string;
}

/** Options of {@link NodeRuntime.create}. Everything has a default. */
export interface NodeRuntimeCreateOptions {
  /** Variables for every program started from outside, over the machine's own HOME, PATH, LANG … Nothing of the host's environment. */
  env?: Record<string, string>;
  /** Working directory of programs started from outside, absolute; made if missing. Default `/root`. */
  cwd?: string;
  /** User and group that programs run as. Default: 0 and 0, the machine's own superuser. */
  user?: { uid: number; gid: number };
  /** Host name of the machine. Default `cenote`. */
  hostname?: string;
  /** What guests are told of their system. Default: what it is. */
  os?: OsOptions;
  /** Processors that guests see (`nproc`, `os.cpus()` …), 1 to 1,024; no limit. Default: as many as the sidecar may use. */
  processors?: number;
  /** Files put into the machine, by absolute path; directories above them are made. */
  files?: Record<string, string | Uint8Array | { content: string | Uint8Array; mode?: number }>;
  /** What the machine sees besides its own tree. */
  mounts?: readonly Mount[];
  /** A `node_modules` directory of the host, shown read-only at `/root/node_modules` and found by all code. Native addons are refused. */
  nodeModules?: string;
  /**
   * A directory of the host whose WebAssembly commands take the place of the shipped ones at `/bin`. Default: the environment variable
   * `CENOTE_WASM_COMMANDS_DIR`, then `SECURE_EXEC_WASM_COMMANDS_DIR`, the in-repo build, the commands shipped with Cenote.
   */
  commandsDir?: string;
  /** What guests may do. Default: everything inside the machine, no network outside it. */
  permissions?: Permissions;
  /** Limits; each has a default. */
  limits?: Limits;
  /** Functions of the embedder that guests can call, by collection and name. */
  hostFunctions?: HostFunctionCollections;
  /** Programs that guests start and the embedder runs. */
  hostCommands?: HostCommands;
  /** Ports on the host's loopback that guests may reach although private addresses are refused (with network permission). */
  loopbackExemptPorts?: readonly number[];
  /** What guests see of time. Default `"coarse"`: whole milliseconds. */
  timing?: Timing;
  /**
   * The sidecar: `"shared"`, one for this process (the default); `"own"`, a fresh one that ends with the machine, as do options for one;
   * or a {@link Sidecar}.
   */
  sidecar?: SidecarChoice;
  /** Where the machine lives: in a worker process of its own, or with others in one. Default: the sidecar's. */
  isolation?: "process" | "shared";
  /** A snapshot whose files the machine begins with. */
  snapshot?: { readonly id: string };
  /** Words about the machine, for its sidecar's lists and logs. */
  labels?: Record<string, string>;
}

/** Standard input: all of it, or as it comes. */
export type StdinSource = string | Uint8Array | AsyncIterable<string | Uint8Array> | ReadableStream<Uint8Array>;

/** A callback for output as it comes. When it returns a promise, the guest waits for it. */
export type OutputCallback = (chunk: Uint8Array) => unknown;

/** Options of one call. */
export interface CallOptions {
  /** Variables over the machine's own. */
  env?: Record<string, string>;
  /** Working directory. Default: the machine's. */
  cwd?: string;
  /** Arguments: `process.argv` from index 2 on for code, further arguments for a command. */
  args?: readonly string[];
  /** Milliseconds of wall time; then everything the call started is killed and the result says `timedOut`. 0, the default: no limit. */
  timeout?: number;
  /** Kills everything the call started when it aborts; the call then rejects with its reason. */
  signal?: AbortSignal;
  /** Called with each chunk of standard output as it comes. When it throws, the program is killed and the call, or who waits, gets the error. */
  onStdout?: OutputCallback;
  /** Called with each chunk of standard error as it comes. */
  onStderr?: OutputCallback;
  /** How code is read: as an ES module, or as CommonJS. Means nothing for commands. Default `"module"`. */
  type?: "module" | "commonjs";
  /**
   * Runs code as if it were this file of the machine: stack traces, `import.meta.url`, `__filename` and `process.argv[1]` say so, and relative imports
   * are looked for beside it. An absolute path; nothing need be there, and what is there is not read. Means nothing for commands. Default: code has no
   * file, and imports are relative to the working directory.
   */
  filename?: string;
}

/** Options of a call that runs to its end. */
export interface ExecOptions extends CallOptions {
  /** Standard input; it ends after this. Default: empty. What an iterator throws kills the program, and the call rejects with it. */
  stdin?: StdinSource;
}

/** Options of a call that returns a live process. */
export interface SpawnOptions extends CallOptions {
  /**
   * Standard input to begin with; it ends after this. Default: it stays open for `writeStdin`. What an iterator throws kills the program, and
   * who waits for it gets the error.
   */
  stdin?: StdinSource;
  /** Kills everything the call started when it aborts. Before it has started, the call rejects with the reason; after, it ends by `SIGKILL` as any that is killed. */
  signal?: AbortSignal;
}
