/** System drivers and runtime driver factories of the first generation. They hold options; nothing runs before the first call of a runtime. */
import { OptionError } from "../errors.js";
import type { OsOptions, SidecarChoice } from "../options.js";
import type { Permissions } from "../permissions/requests.js";
import type { CommandExecutor } from "./command-executor.js";
import type { NetworkAdapter } from "./network-adapter.js";
import type { VirtualFileSystem } from "./virtual-filesystem.js";

/** Where the read-only overlay of `node_modules` comes from. */
export interface ModuleAccessOptions {
  /** The directory that holds `node_modules`. Default: `process.cwd()`. */
  cwd?: string;
}

/** What a guest's process sees of itself. */
export interface ProcessConfig {
  /** Working directory, absolute; made if missing. Default `/root`. */
  cwd?: string;
  /** Environment variables. Those reach the guest that the `env` permission lets through. */
  env?: Record<string, string>;
  /** `process.argv`. Default: Node's own. */
  argv?: readonly string[];
  /** `process.platform`: `linux` (the default), `darwin`, `freebsd` or `openbsd`; others are refused, see {@link OSConfig.platform}. */
  platform?: string;
  /** `process.arch`: `x64` (the default), `arm64` … as {@link OSConfig.arch}. */
  arch?: string;
  /** User id. Default 0. */
  uid?: number;
  /** Group id. Default 0. */
  gid?: number;
  /** Standard input of every call that gives none. Default: empty. */
  stdin?: string | Uint8Array;
}

/** What a guest's `os` module says; `uname` and `/proc` say the same. */
export interface OSConfig extends OsOptions {
  /** `os.hostname()`. Default `cenote`. */
  hostname?: string;
  /** How many processors `os.cpus()` names, 1 to 1,024. Default: as many as the sidecar may use. */
  cpus?: number;
}

/** Options of {@link createNodeDriver}. */
export interface NodeDriverOptions {
  /** The guest's files. Default: the machine's own, with a read-only overlay of the host's `node_modules`. */
  filesystem?: VirtualFileSystem;
  /** The `node_modules` overlay at `/root/node_modules`. */
  moduleAccess?: ModuleAccessOptions;
  /** Answers guests' requests and name lookups. */
  networkAdapter?: NetworkAdapter;
  /** Runs the programs that guests start, on the embedder's side. Default: programs of the machine. */
  commandExecutor?: CommandExecutor;
  /** What guests may do; what is not set is denied. */
  permissions?: Permissions;
  /** Whether to use the built-in network adapter. Default: false, no network. */
  useDefaultNetwork?: boolean;
  /** Ports of the host's loopback that guests may reach with the built-in adapter. */
  loopbackExemptPorts?: readonly number[];
  /** What a guest's process sees of itself. */
  processConfig?: ProcessConfig;
  /** What a guest's `os` module says. */
  osConfig?: OSConfig;
}

/** What a runtime stands on: made by {@link createNodeDriver}. */
export class SystemDriver {
  /** The options it was made of. */
  readonly options: Readonly<NodeDriverOptions>;

  /** @internal */
  constructor(options: NodeDriverOptions) {
    this.options = Object.freeze({ ...options });
  }
}

const KNOWN = new Set([
  "filesystem",
  "moduleAccess",
  "networkAdapter",
  "commandExecutor",
  "permissions",
  "useDefaultNetwork",
  "loopbackExemptPorts",
  "processConfig",
  "osConfig",
]);

const PROCESS: ReadonlySet<string> = new Set(["cwd", "env", "argv", "platform", "arch", "uid", "gid", "stdin"] as const satisfies readonly (keyof ProcessConfig)[]);

const OS: ReadonlySet<string> = new Set([
  "platform",
  "arch",
  "type",
  "release",
  "version",
  "machine",
  "hostname",
  "homedir",
  "tmpdir",
  "cpus",
] as const satisfies readonly (keyof OSConfig)[]);

/** What a process has of its machine, and why nobody can say otherwise. */
const KEPT_BY_PROCESS: Readonly<Record<string, string>> = {
  pid: "the machine's kernel gives it: another number would not be the one that kill and wait take",
  ppid: "the machine's kernel gives it: another number would not be the one that kill and wait take",
  execPath: "it is /usr/bin/node, the file that programs start node by",
  version: "it is the version of the Node library in the machine",
  versions: "they are those of what the machine's Node is made of",
  stdinIsTTY: "it is so on a terminal: openTerminal",
  stdoutIsTTY: "it is so on a terminal: openTerminal",
  stderrIsTTY: "it is so on a terminal: openTerminal",
};

const KEPT_BY_OS: Readonly<Record<string, string>> = {
  totalmem: "it is limits.wasmMemoryTotalBytes of the machine",
  freemem: "it is what the machine's programs leave of limits.wasmMemoryTotalBytes",
  endianness: "it is that of the machine's numbers",
};

/** @throws {OptionError} for a name that there is not, with the reason where there could be one. */
function check(option: string, given: object | undefined, known: ReadonlySet<string>, kept: Readonly<Record<string, string>>): void {
  for (const name of Object.keys(given ?? {})) {
    if (!known.has(name)) throw new OptionError(`${option}.${name}`, Object.hasOwn(kept, name) ? `it cannot be set: ${kept[name]}` : "there is no such option");
  }
}

/** A system driver: what guests get of the host, each behind its permission. With no options: no network, no programs, no files but modules. */
export function createNodeDriver(options: NodeDriverOptions = {}): SystemDriver {
  for (const name of Object.keys(options)) if (!KNOWN.has(name)) throw new OptionError(name, "createNodeDriver has no such option");
  check("processConfig", options.processConfig, PROCESS, KEPT_BY_PROCESS);
  check("osConfig", options.osConfig, OS, KEPT_BY_OS);
  for (const name of ["platform", "arch"] as const) {
    const [ofProcess, ofOs] = [options.processConfig?.[name], options.osConfig?.[name]];
    if (ofProcess !== undefined && ofOs !== undefined && ofProcess !== ofOs) {
      throw new OptionError(`osConfig.${name}`, `${JSON.stringify(ofOs)} and processConfig.${name} ${JSON.stringify(ofProcess)}: os.${name}() is process.${name}`);
    }
  }
  return new SystemDriver(options);
}

/** Options of {@link createNodeRuntimeDriverFactory}. */
export interface NodeRuntimeDriverFactoryOptions {
  /** Which sidecar runtimes live on. Default: the one this process shares. */
  sidecar?: SidecarChoice;
  /** Where machines live. Default: the sidecar's. */
  isolation?: "process" | "shared";
}

/** What runs guests' code: made by {@link createNodeRuntimeDriverFactory}. */
export class RuntimeDriverFactory {
  /** The options it was made of. */
  readonly options: Readonly<NodeRuntimeDriverFactoryOptions>;

  /** @internal */
  constructor(options: NodeRuntimeDriverFactoryOptions) {
    this.options = Object.freeze({ ...options });
  }
}

/** A factory of runtime drivers: guests run as processes of a machine of Cenote. */
export function createNodeRuntimeDriverFactory(options: NodeRuntimeDriverFactoryOptions = {}): RuntimeDriverFactory {
  return new RuntimeDriverFactory(options);
}
