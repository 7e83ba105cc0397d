/**
 * Cenote: an operating system in a library. `NodeRuntime` is a virtual machine in which Node.js programs and Linux commands run, none of them
 * as a process of the host.
 *
 * @packageDocumentation
 */
export { NodeRuntime, type ProcessInfo, type RunResult } from "./runtime.js";
export { Snapshot, type Tar } from "./snapshot.js";
export type { CallOptions, ExecOptions, HostCommands, Mount, NodeRuntimeCreateOptions, OsOptions, OutputCallback, SidecarChoice, SpawnOptions, StdinSource } from "./options.js";
export type { ExecResult } from "./exec.js";
export type { ExitStatus, NodeRuntimeProcess } from "./process.js";
export type { ProcessOutput } from "./output.js";
export type { Terminal, TerminalOptions } from "./terminal.js";
export type { DirectoryEntry, FileStat, WatchEvent, WriteFileOptions } from "./files.js";
export type { Watcher } from "./watch.js";
export type { MachineEvent, MachineEvents } from "./events.js";
export type { TextEncoding } from "./bytes.js";
export type { FetchInput, FetchResponse } from "./network/fetch.js";
export type { PortForward } from "./network/forward.js";
export type { Listener, ListenerQuery } from "./network/listeners.js";
export type { Limits, ResourceUsage, Timing } from "./limits.js";
export { hostFunction } from "./host/functions.js";
export type {
  HostFunction,
  HostFunctionCollections,
  HostFunctionInput,
  JsonSchema,
  StandardResult,
  StandardSchema,
} from "./host/functions.js";
export { Sidecar, type SidecarAddress, type SidecarDescription, type SidecarOptions, type Wall } from "./sidecar/sidecar.js";
export {
  CenoteError,
  FileError,
  LimitError,
  NotImplementedError,
  NoValueError,
  OptionError,
  PermissionError,
  SidecarError,
  TimeoutError,
  VmError,
  type CenoteErrorDetails,
} from "./errors.js";

export { allowAll, allowAllChildProcess, allowAllEnv, allowAllFs, allowAllNetwork, type AllowAll } from "./permissions/allow-all.js";
export type {
  ChildProcessAccessRequest,
  EnvAccessRequest,
  FsAccessRequest,
  FsOperation,
  HostFunctionAccessRequest,
  NetworkAccessRequest,
  NetworkOperation,
  PermissionCheck,
  PermissionDecision,
  PermissionFunction,
  PermissionRule,
  PermissionRules,
  Permissions,
  ScopeOperations,
} from "./permissions/requests.js";

export {
  createNodeDriver,
  createNodeRuntimeDriverFactory,
  RuntimeDriverFactory,
  SystemDriver,
  type ModuleAccessOptions,
  type NodeDriverOptions,
  type NodeRuntimeDriverFactoryOptions,
  type OSConfig,
  type ProcessConfig,
} from "./drivers/node-driver.js";
export type { NodeRuntimeOptions, StdioEvent, StdioHook } from "./drivers/first-generation.js";
export { createInMemoryFileSystem, InMemoryFileSystem } from "./drivers/memory-filesystem.js";
export type { VirtualDirEntry, VirtualFileSystem, VirtualStat } from "./drivers/virtual-filesystem.js";
export {
  createDefaultNetworkAdapter,
  type NetworkAdapter,
  type NetworkConnection,
  type NetworkConnectTarget,
  type NetworkRequestOptions,
  type NetworkResponse,
} from "./drivers/network-adapter.js";
export type { CommandExecutor, SpawnedProcess } from "./drivers/command-executor.js";

export {
  createSubprocessSandbox,
  SubprocessSandbox,
  type SandboxExecutionResult,
  type SandboxMessage,
  type SandboxTool,
  type SubprocessSandboxConfig,
  type ToolExecutor,
} from "./sandbox/subprocess-sandbox.js";
