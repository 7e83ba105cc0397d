/** A machine as the first generation's options describe it. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

import { createMachine, type DriverParts } from "../create.js";
import { OptionError } from "../errors.js";
import { heapBytes } from "../limits.js";
import type { Machine } from "../machine.js";
import type { NodeRuntimeCreateOptions, OsOptions } from "../options.js";
import type { PermissionRule, Permissions } from "../permissions/requests.js";
import { defaultAdapterPorts } from "./network-adapter.js";
import { RuntimeDriverFactory, SystemDriver, type NodeDriverOptions, type OSConfig, type ProcessConfig } from "./node-driver.js";

/** A piece of output, as `onStdio` gets it. */
export interface StdioEvent {
  channel: "stdout" | "stderr";
  message: string;
}

/** Takes output as it comes. */
export type StdioHook = (event: StdioEvent) => void;

/** Options of `new NodeRuntime(…)`. */
export interface NodeRuntimeOptions {
  /** What guests get of the host: {@link createNodeDriver}. */
  systemDriver: SystemDriver;
  /** What runs guests: {@link createNodeRuntimeDriverFactory}. */
  runtimeDriverFactory: RuntimeDriverFactory;
  /** Megabytes of JavaScript heap of one process. Default 128, at least 16. */
  memoryLimit?: number;
  /** Milliseconds of processor time of one process. Default: no limit. */
  cpuTimeLimitMs?: number;
  /** Takes output of all calls as it comes. */
  onStdio?: StdioHook;
  /** `"freeze"` lets guests' clocks stand still, `"off"` shows the host's as they are. Default: whole milliseconds. */
  timingMitigation?: "off" | "freeze";
}

/** @throws {OptionError} for what cannot be used. */
export function checkOptions(options: NodeRuntimeOptions): void {
  if (!(options.systemDriver instanceof SystemDriver)) throw new OptionError("systemDriver", "make it with createNodeDriver");
  if (!(options.runtimeDriverFactory instanceof RuntimeDriverFactory)) {
    throw new OptionError("runtimeDriverFactory", "make it with createNodeRuntimeDriverFactory");
  }
  if (options.memoryLimit !== undefined) heapBytes("memoryLimit", options.memoryLimit);
}

/** @internal Makes the machine of a runtime. */
export async function createFirstGeneration(options: NodeRuntimeOptions): Promise<Machine> {
  const driver = options.systemDriver.options;
  const { processConfig = {}, osConfig = {} } = driver;
  const cwd = processConfig.cwd ?? "/root";
  const create: NodeRuntimeCreateOptions = {
    ...options.runtimeDriverFactory.options,
    cwd,
    env: { ...processConfig.env },
    permissions: permissions(driver),
    limits: {
      ...(options.memoryLimit === undefined ? {} : { jsHeapBytes: heapBytes("memoryLimit", options.memoryLimit) }),
      ...(options.cpuTimeLimitMs === undefined ? {} : { cpuTimeMs: options.cpuTimeLimitMs }),
    },
    loopbackExemptPorts: [...(driver.loopbackExemptPorts ?? []), ...(defaultAdapterPorts(driver.networkAdapter) ?? [])],
    ...(osConfig.hostname === undefined ? {} : { hostname: osConfig.hostname }),
    ...(options.timingMitigation === undefined ? {} : { timing: options.timingMitigation === "freeze" ? "frozen" : "off" }),
  };
  const modules = nodeModules(driver);
  if (modules !== undefined) create.nodeModules = modules;
  if (processConfig.uid !== undefined || processConfig.gid !== undefined) {
    create.user = { uid: processConfig.uid ?? 0, gid: processConfig.gid ?? 0 };
  }
  const { filesystem } = driver;
  if (filesystem !== undefined) {
    create.mounts = [{ guestPath: "/", filesystem }];
    // What is not there is the machine's own, and what a guest makes in its working directory should not be.
    if (!(await filesystem.exists(cwd))) await filesystem.mkdir(cwd, { recursive: true });
  }
  const told = os(processConfig, osConfig);
  if (told !== undefined) create.os = told;
  if (osConfig.cpus !== undefined) create.processors = osConfig.cpus;
  return createMachine(create, parts(driver)).catch((error: unknown) => {
    throw inOurWords(error, osConfig);
  });
}

/** An error of `os` and `processors`, which have other names here. */
function inOurWords(error: unknown, osConfig: OSConfig): unknown {
  if (!(error instanceof OptionError) || error.option === undefined) return error;
  const [group, name] = error.option.split(".");
  const ours =
    group === "processors" ? "osConfig.cpus" : group !== "os" || name === undefined ? undefined : name in osConfig ? `osConfig.${name}` : `processConfig.${name}`;
  if (ours === undefined) return error;
  return new OptionError(ours, error.message.replace(/^[^:]*: (option `[^`]*`: )?/, ""), { cause: error });
}

function parts(driver: NodeDriverOptions): DriverParts {
  const { networkAdapter, commandExecutor } = driver;
  const ownNetwork = networkAdapter !== undefined && defaultAdapterPorts(networkAdapter) === undefined;
  return {
    denyByDefault: true,
    fsRules: hasNetwork(driver) ? [...OVERLAY, NETWORK_FILES] : OVERLAY,
    hostNetwork: ownNetwork,
    hostCommands: commandExecutor === undefined ? [] : ["**"],
    parts: { network: ownNetwork ? networkAdapter : undefined, commands: commandExecutor },
  };
}

/** Permissions, with a network denied that the driver does not offer. */
function permissions(driver: NodeDriverOptions): Permissions {
  const given = driver.permissions ?? {};
  return hasNetwork(driver) ? given : { ...given, network: false };
}

/** Modules of the overlay can always be read (Node looks at the directories above them, too), and never be written. */
const OVERLAY: readonly PermissionRule[] = [
  { mode: "allow", operations: ["read"], paths: ["/", "/root", "/root/node_modules", "/root/node_modules/**"] },
  {
    mode: "deny",
    operations: ["write"],
    paths: ["/root/node_modules", "/root/node_modules/**"],
    reason: "the overlay of node_modules is read-only",
  },
];

/** Who has a network can read where names are asked for, and whom to trust to say which host is which. */
const NETWORK_FILES: PermissionRule = {
  mode: "allow",
  operations: ["read"],
  paths: ["/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/ssl/certs/ca-certificates.crt"],
};

function hasNetwork(driver: NodeDriverOptions): boolean {
  return driver.useDefaultNetwork === true || driver.networkAdapter !== undefined;
}

/** The `node_modules` to show. One that was asked for has to be there. */
function nodeModules(driver: NodeDriverOptions): string | undefined {
  const asked = driver.moduleAccess?.cwd;
  const path = join(resolve(asked ?? process.cwd()), "node_modules");
  if (existsSync(path)) return path;
  if (asked !== undefined) throw new OptionError("moduleAccess.cwd", `${path} is not there`);
  return undefined;
}

/** What a guest is told of its system. */
function os(process: ProcessConfig, os: OSConfig): OsOptions | undefined {
  const { hostname: _hostname, cpus: _cpus, ...config } = os;
  for (const name of ["platform", "arch"] as const) {
    const value = os[name] ?? process[name];
    if (value !== undefined) config[name] = value;
  }
  return Object.keys(config).length > 0 ? config : undefined;
}
