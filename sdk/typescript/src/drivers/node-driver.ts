/** System drivers and runtime driver factories of the first generation. They hold options; nothing runs before the first call of a runtime. */
import { OptionError } from "../errors.js";
import type { SidecarChoice } from "../options.js";
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
  /** `process.platform`. Default `linux`. */
  platform?: string;
  /** `process.arch`. Default `x64`. */
  arch?: string;
  /** User id. Default 0. */
  uid?: number;
  /** Group id. Default 0. */
  gid?: number;
  /** Standard input of every call that gives none. Default: empty. */
  stdin?: string | Uint8Array;
}

/** What a guest's `os` module says. */
export interface OSConfig {
  /** `os.platform()`. Default `linux`. */
  platform?: string;
  /** `os.arch()`. Default `x64`. */
  arch?: string;
  /** `os.type()`. */
  type?: string;
  /** `os.release()`. */
  release?: string;
  /** `os.version()`. */
  version?: string;
  /** `os.hostname()`. Default `cenote`. */
  hostname?: string;
  /** `os.homedir()`. Default `/root`. */
  homedir?: string;
  /** `os.tmpdir()`. Default `/tmp`. */
  tmpdir?: string;
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

/** A system driver: what guests get of the host, each behind its permission. With no options: no network, no programs, no files but modules. */
export function createNodeDriver(options: NodeDriverOptions = {}): SystemDriver {
  for (const name of Object.keys(options)) if (!KNOWN.has(name)) throw new OptionError(name, "createNodeDriver has no such option");
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
