/** {@link NodeRuntime}: the embedder's handle on one machine, in both generations. */
import { fromCaller } from "./caller.js";
import { createNamed } from "./create.js";
import { checkOptions, createFirstGeneration, type NodeRuntimeOptions, type StdioHook } from "./drivers/first-generation.js";
import { exportingScript, isModule, script } from "./drivers/script.js";
import { CenoteError, NotImplementedError, NoValueError, VmError } from "./errors.js";
import { code as codeProgram, command as commandProgram, runToTheEnd, shell as shellProgram, type ExecResult, type Program } from "./exec.js";
import { MachineEvents } from "./events.js";
import { Files, type DirectoryEntry, type FileStat, type WriteFileOptions } from "./files.js";
import { functionsToWire, ownFunctions, type HostFunctionCollections } from "./host/functions.js";
import { HostAnswers } from "./host/answers.js";
import { usage, type ResourceUsage } from "./limits.js";
import { Machine, MACHINE } from "./machine.js";
import { fetchStream, fetchWhole, type FetchInput, type FetchResponse } from "./network/fetch.js";
import { forwardPort, type PortForward } from "./network/forward.js";
import { findListener, listeners, waitForListener, type Listener, type ListenerQuery } from "./network/listeners.js";
import type { CallOptions, ExecOptions, NodeRuntimeCreateOptions, SpawnOptions } from "./options.js";
import { permittedEnv } from "./permissions/compile.js";
import type { Permissions } from "./permissions/requests.js";
import { NodeRuntimeProcess } from "./process.js";
import { exported, imported, Snapshot, type Tar } from "./snapshot.js";
import { ProcessState } from "./gen/cenote/v1/processes_pb.js";
import { camelCase } from "./sidecar/failure.js";
import { Terminal, type TerminalOptions } from "./terminal.js";
import { textIn, toBytes, toText, type TextEncoding } from "./bytes.js";
import { Watcher } from "./watch.js";

/** What `run` brings back. */
export interface RunResult<T> extends ExecResult {
  /** What the code passed to `__return(value)`; of the first generation, what it exported. */
  value: T;
  /** The same as `value`. */
  exports: T;
}

/** A process of a machine, as `ps` shows it. */
export interface ProcessInfo {
  pid: number;
  /** The parent's id; 0: started from outside the machine. */
  ppid: number;
  /** Process group. */
  pgid: number;
  /** Session. */
  sid: number;
  /** The program's name. */
  name: string;
  state: "live" | "stopped" | "zombie";
  uid: number;
}

/** What of a machine's options its handle keeps. */
interface Manner {
  options: NodeRuntimeOptions | undefined;
  permissions: Permissions | undefined;
}

/**
 * A virtual machine in which Node.js programs and Linux commands run together, none of them as a process of the host.
 *
 * {@link NodeRuntime.create} makes one; `new NodeRuntime({ systemDriver, runtimeDriverFactory })` is the first generation's way, where
 * everything is denied until permitted.
 */
export class NodeRuntime implements AsyncDisposable {
  readonly #manner: Manner;
  #machine: Promise<Machine> | undefined;
  #disposed: Promise<void> | undefined;
  #runs = 0;

  /** The first generation's way: nothing is started before the first call. */
  constructor(options: NodeRuntimeOptions);
  /** @internal */
  constructor(options: Machine, permissions: Permissions | undefined);
  constructor(options: NodeRuntimeOptions | Machine, permissions?: Permissions) {
    if (options instanceof Machine) {
      this.#manner = { options: undefined, permissions };
      this.#machine = Promise.resolve(options);
    } else {
      checkOptions(options);
      this.#manner = { options, permissions: options.systemDriver.options.permissions };
    }
  }

  /**
   * Makes a machine and returns when it is ready.
   *
   * @throws {OptionError} `INVALID_OPTION` for an option that makes no sense.
   * @throws {SidecarError} when no sidecar can be started or reached.
   * @throws {NotImplementedError} `NOT_IMPLEMENTED` for what the sidecar cannot do yet.
   */
  static async create(options: NodeRuntimeCreateOptions = {}): Promise<NodeRuntime> {
    return fromCaller(NodeRuntime.create, async () => new NodeRuntime(await createNamed(options), options.permissions));
  }

  async #ready(): Promise<Machine> {
    if (this.#disposed !== undefined && this.#machine === undefined) {
      throw new VmError("VM_DISPOSED", "the runtime was disposed of");
    }
    const { options } = this.#manner;
    if (this.#machine === undefined && options !== undefined) {
      this.#machine = createFirstGeneration(options);
      // What cannot be made is made anew at the next call.
      this.#machine.catch(() => (this.#machine = undefined));
    }
    return this.#machine as Promise<Machine>;
  }

  /** The machine's id in its sidecar. */
  async id(): Promise<string> {
    return (await this.#ready()).id;
  }

  // ---- running

  /**
   * Runs JavaScript in a fresh `node` process and captures its output: an ES module, unless `type` says CommonJS. Of the first generation:
   * what the code is decides, and `require`, `import`, `return` and `await` all work.
   *
   * A guest that fails is no error of the call: look at `exitCode`.
   */
  exec(code: string, options: ExecOptions = {}): Promise<ExecResult & { errorMessage?: string }> {
    return fromCaller(this.exec, async () => {
      const machine = await this.#ready();
      const call = await this.#options(options);
      const first = this.#manner.options;
      if (first === undefined) return (await runToTheEnd(machine, codeProgram(code, call), call, false)).result;
      const { text, type } = script(code, first.systemDriver.options.processConfig?.argv);
      const { result } = await runToTheEnd(machine, codeProgram(text, { ...call, type }), call, false);
      return Object.assign(result, errorMessage(result));
    });
  }

  /**
   * As {@link exec}, and brings back the JSON value that the code passes to the global `__return(value)`; of the first generation, what it
   * exports (`module.exports = …`, `export …`).
   *
   * @throws {NoValueError} `NO_VALUE` when the guest handed nothing over.
   */
  run<T = unknown>(code: string, options: ExecOptions = {}): Promise<RunResult<T>> {
    return fromCaller(this.run, async () => {
      const machine = await this.#ready();
      const call = await this.#options(options);
      const program = this.#manner.options === undefined ? codeProgram(code, call) : await this.#exporting(machine, code, call);
      const { result, value } = await runToTheEnd(machine, program, call, true);
      if (value === undefined) {
        throw new NoValueError("the code did not call __return(value)", result.exitCode, result.stderr.slice(-1000), { vm: machine.id });
      }
      const parsed = parsedValue(value, machine) as T;
      return Object.assign(result, { value: parsed, exports: parsed });
    });
  }

  async #exporting(machine: Machine, code: string, call: ExecOptions): Promise<Program> {
    const config = this.#manner.options?.systemDriver.options.processConfig;
    const entry = `${(config?.cwd ?? "/root").replace(/\/$/, "")}/.cenote-run-${++this.#runs}.mjs`;
    if (isModule(code)) await new Files(machine).write(entry, code, { parents: true });
    const { text, type } = exportingScript(code, config?.argv, entry);
    return codeProgram(text, { ...call, type });
  }

  /** Starts JavaScript in a fresh `node` process and returns a live handle at once. */
  spawn(code: string, options: SpawnOptions = {}): Promise<NodeRuntimeProcess> {
    return fromCaller(this.spawn, async () => {
      const call = await this.#options(options);
      const first = this.#manner.options;
      const ready: CallOptions & { text: string } =
        first === undefined ? { ...call, text: code } : { ...call, ...script(code, first.systemDriver.options.processConfig?.argv) };
      return NodeRuntimeProcess.start(await this.#ready(), codeProgram(ready.text, ready), call);
    });
  }

  /** Runs a command of the machine, by name (looked up in PATH) or path, and captures its output. */
  execCommand(command: string, args: readonly string[] = [], options: ExecOptions = {}): Promise<ExecResult> {
    return fromCaller(this.execCommand, async () => {
      const call = await this.#options(options);
      return (await runToTheEnd(await this.#ready(), commandProgram(command, args, call), call, false)).result;
    });
  }

  /** Starts a command of the machine and returns a live handle. */
  spawnCommand(command: string, args: readonly string[] = [], options: SpawnOptions = {}): Promise<NodeRuntimeProcess> {
    return fromCaller(this.spawnCommand, async () => {
      const call = await this.#options(options);
      return NodeRuntimeProcess.start(await this.#ready(), commandProgram(command, args, call), call);
    });
  }

  /** Runs a script with `/bin/sh` and captures its output; `args` become `$0`, `$1` … */
  shell(script: string, options: ExecOptions = {}): Promise<ExecResult> {
    return fromCaller(this.shell, async () => {
      const call = await this.#options(options);
      return (await runToTheEnd(await this.#ready(), shellProgram(script, call), call, false)).result;
    });
  }

  /** Starts a program (default: bash) on a terminal. */
  openTerminal(options: TerminalOptions = {}): Promise<Terminal> {
    return fromCaller(this.openTerminal, async () => Terminal.open(await this.#ready(), options));
  }

  /** All processes of the machine, by id. */
  processes(): Promise<ProcessInfo[]> {
    return fromCaller(this.processes, async () => {
      const machine = await this.#ready();
      const { processes } = await machine.call((options) => machine.link.processes.list({}, options));
      return processes.map(({ pid, parent, group, session, name, state, uid }) => ({
        pid,
        ppid: parent,
        pgid: group,
        sid: session,
        name: toText(name),
        state: state === ProcessState.ZOMBIE ? ("zombie" as const) : state === ProcessState.STOPPED ? ("stopped" as const) : ("live" as const),
        uid,
      }));
    });
  }

  async #permitted(env: Record<string, string>, denyByDefault: boolean): Promise<Record<string, string>> {
    const check = this.#manner.permissions?.env;
    if (check === undefined && !denyByDefault) return env;
    const { refusals } = await this.#ready();
    return permittedEnv(env, check, denyByDefault, refusals.tell);
  }

  /** Options of a call with what the runtime adds: permitted variables, output to `onStdio`, standard input. */
  async #options<O extends ExecOptions>(options: O): Promise<O> {
    const first = this.#manner.options;
    const env = options.env === undefined ? undefined : await this.#permitted(options.env, first !== undefined);
    const call: O = env === undefined ? options : { ...options, env };
    if (first === undefined) return call;
    const stdin = first.systemDriver.options.processConfig?.stdin;
    return {
      ...call,
      ...(call.stdin === undefined && stdin !== undefined ? { stdin } : {}),
      ...(first.onStdio === undefined ? {} : hooks(first.onStdio, call)),
    };
  }

  // ---- network

  /**
   * Sends an HTTP request to a server in the machine and takes the whole answer. It never leaves the machine, and needs no permission of
   * the guest's.
   */
  fetch(port: number, input: FetchInput = {}): Promise<FetchResponse> {
    return fromCaller(this.fetch, async () => fetchWhole(await this.#ready(), port, input));
  }

  /** As {@link fetch}; the answer is a web `Response` whose body is a stream, and the server in the machine waits for its reader. */
  fetchStream(port: number, input: FetchInput = {}): Promise<Response> {
    return fromCaller(this.fetchStream, async () => fetchStream(await this.#ready(), port, input));
  }

  /**
   * Waits until a process of the machine listens, at most `timeoutMs` milliseconds (default 10,000).
   *
   * @throws {TimeoutError} `TIMEOUT` when nothing does.
   */
  waitForListener(query: ListenerQuery | number, options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<Listener> {
    return fromCaller(this.waitForListener, async () =>
      waitForListener(await this.#ready(), typeof query === "number" ? { port: query } : query, options),
    );
  }

  /** The listener that is meant, or `null` when nothing listens there now. */
  findListener(query: ListenerQuery | number): Promise<Listener | null> {
    return fromCaller(this.findListener, async () => findListener(await this.#ready(), typeof query === "number" ? { port: query } : query));
  }

  /** Everything that listens now. */
  listeners(): Promise<Listener[]> {
    return fromCaller(this.listeners, async () => listeners(await this.#ready()));
  }

  /** Listens on a port of the host (default: a free one of 127.0.0.1) and passes connections on to a port of the machine. */
  forwardPort(port: number, options: { host?: string; hostPort?: number } = {}): Promise<PortForward> {
    return fromCaller(this.forwardPort, async () => forwardPort(await this.#ready(), port, options));
  }

  // ---- files

  /** Reads a file: bytes, or text in the encoding that is named, as `node:fs` has it. */
  readFile(path: string): Promise<Uint8Array>;
  readFile(path: string, encoding: TextEncoding): Promise<string>;
  readFile(path: string, encoding?: string): Promise<Uint8Array | string> {
    return fromCaller(this.readFile as (...args: never[]) => unknown, async () => {
      const text = encoding === undefined ? undefined : textIn(encoding);
      const bytes = await new Files(await this.#ready()).read(path);
      return text === undefined ? bytes : text(bytes);
    });
  }

  /** Writes a file. */
  writeFile(path: string, data: string | Uint8Array, options: WriteFileOptions = {}): Promise<void> {
    return fromCaller(this.writeFile, async () => new Files(await this.#ready()).write(path, data, options));
  }

  /** Lists a directory, sorted by name, without `.` and `..`. */
  readDir(path: string): Promise<DirectoryEntry[]> {
    return fromCaller(this.readDir, async () => new Files(await this.#ready()).readDir(path));
  }

  /** What a path names, links followed. */
  stat(path: string): Promise<FileStat> {
    return fromCaller(this.stat, async () => new Files(await this.#ready()).stat(path));
  }

  /** What a path names, of a symbolic link itself. */
  lstat(path: string): Promise<FileStat> {
    return fromCaller(this.lstat, async () => new Files(await this.#ready()).stat(path, true));
  }

  /** Makes a directory; `recursive`: also those above it, and one that is there is no error. */
  mkdir(path: string, options: { recursive?: boolean; mode?: number } = {}): Promise<void> {
    return fromCaller(this.mkdir, async () => new Files(await this.#ready()).mkdir(path, options));
  }

  /** Renames, replacing what is there. */
  rename(from: string, to: string): Promise<void> {
    return fromCaller(this.rename, async () => new Files(await this.#ready()).rename(from, to));
  }

  /** Removes a file, a link or an empty directory; `recursive`: a directory with everything in it; `force`: what is not there is no error. */
  remove(path: string, options: { recursive?: boolean; force?: boolean } = {}): Promise<void> {
    return fromCaller(this.remove, async () => new Files(await this.#ready()).remove(path, options));
  }

  /** Whether a path names something. */
  exists(path: string): Promise<boolean> {
    return fromCaller(this.exists, async () => new Files(await this.#ready()).exists(path));
  }

  /** Makes a symbolic link at `path`. */
  symlink(target: string, path: string): Promise<void> {
    return fromCaller(this.symlink, async () => new Files(await this.#ready()).symlink(target, path));
  }

  /** Where a symbolic link points. */
  readLink(path: string): Promise<string> {
    return fromCaller(this.readLink, async () => new Files(await this.#ready()).readLink(path));
  }

  /** Changes of files below a path, as they happen: iterate what is returned. */
  watch(path: string, options: { recursive?: boolean; signal?: AbortSignal } = {}): Promise<Watcher> {
    return fromCaller(this.watch, async () => {
      const watcher = new Watcher(await this.#ready(), path, options);
      await watcher.ready;
      return watcher;
    });
  }

  // ---- the machine

  /**
   * Keeps the machine's files as they are now, in constant time: `NodeRuntime.create({ snapshot, sidecar })` begins with them, beside this
   * machine in its process. A snapshot lives until it is dropped or this machine ends.
   */
  snapshot(): Promise<Snapshot> {
    return fromCaller(this.snapshot, async () => {
      const machine = await this.#ready();
      const { snapshot } = await machine.call((options) => machine.link.vms.snapshot({ vm: machine.id }, options));
      return new Snapshot(machine, snapshot);
    });
  }

  /** A machine with the same options and a copy-on-write copy of the files; no processes. */
  fork(): Promise<NodeRuntime> {
    return fromCaller(this.fork, async () => {
      const machine = await this.#ready();
      if (this.#manner.options !== undefined) throw new NotImplementedError("runtimes of the first generation cannot be forked");
      const vm = await machine.call((options) => machine.link.vms.fork({ vm: machine.id }, options));
      const fork = new Machine(vm.id, machine.sidecar, false, machine.outputLimit);
      if (machine.host !== undefined) {
        const { parts } = machine.host;
        fork.host = await HostAnswers.open(fork, { ...parts, functions: ownFunctions(parts.functions) });
      }
      return new NodeRuntime(fork, this.#manner.permissions);
    });
  }

  /**
   * A directory of the machine (default: all of it, what ships included) as a tar stream; mounts are left out. With `changes` only what
   * differs from the files that ship, as an OCI layer: what {@link import} brings back into a new machine.
   */
  export(path = "/", options: { changes?: boolean } = {}): ReadableStream<Uint8Array> {
    const { changes = false } = options;
    return exported(this.export, () => this.#ready(), (vm) => ({ vm, path: path === "/" ? new Uint8Array() : toBytes(path), changes }));
  }

  /** Unpacks a tar stream into a directory of the machine (default: its root). Resolves with how many files and directories were made. */
  import(tar: Tar, path = "/"): Promise<number> {
    return fromCaller(this.import, async () => {
      const { entries } = await imported(await this.#ready(), tar, { path: toBytes(path) });
      return Number(entries);
    });
  }

  /** @internal The machine, for what stands beside this class. */
  [MACHINE](): Promise<Machine> {
    return this.#ready();
  }

  /** What the machine uses of its limits, by the limit's name (`processes`, `filesystemBytes` …). */
  resources(): Promise<Record<string, ResourceUsage>> {
    return fromCaller(this.resources, async () => {
      const machine = await this.#ready();
      const { resources } = await machine.call((options) => machine.link.vms.resources({ vm: machine.id }, options));
      return Object.fromEntries(
        resources.map((resource) => [camelCase(resource.name), usage(resource)]),
      );
    });
  }

  /**
   * What happens in the machine from now on: what permissions refuse its guests (the audit), limits of which 80 % are used, its end. Iterate what
   * is returned.
   */
  events(options: { signal?: AbortSignal } = {}): Promise<MachineEvents> {
    return fromCaller(this.events, async () => MachineEvents.open(await this.#ready(), options.signal));
  }

  /** Adds host functions, for all processes started from now on. */
  registerHostFunctions(collections: HostFunctionCollections): Promise<void> {
    return fromCaller(this.registerHostFunctions, async () => {
      const machine = await this.#ready();
      const wire = functionsToWire(collections);
      await machine.call((options) => machine.link.vms.registerHostFunctions({ vm: machine.id, collections: wire }, options));
      if (machine.host === undefined) {
        const functions = ownFunctions(collections);
        machine.host = await HostAnswers.open(machine, { permissions: {}, functions, filesystems: new Map(), network: undefined, commands: undefined });
      } else {
        Object.assign(machine.host.parts.functions, ownFunctions(collections));
      }
    });
  }

  /** Ends the machine: its processes are killed, its memory is given back. A second time does nothing. */
  dispose(): Promise<void> {
    this.#disposed ??= this.#end();
    return this.#disposed;
  }

  async #end(): Promise<void> {
    const machine = await this.#machine?.catch(() => undefined);
    await machine?.dispose();
  }

  /** The same as {@link dispose}. */
  terminate(): Promise<void> {
    return this.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}

/** The value of `run`. Text that the sidecar had to cut off is no JSON. */
function parsedValue(json: string, machine: Machine): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new CenoteError("VALUE_TOO_LARGE", `the value that the code returned did not come whole (${json.length} characters did): at most 16 MiB of JSON can`, {
      vm: machine.id,
      cause,
    });
  }
}

/** Output callbacks that tell `onStdio` too. */
function hooks(onStdio: StdioHook, call: CallOptions): Pick<CallOptions, "onStdout" | "onStderr"> {
  const hook = (channel: "stdout" | "stderr", then: CallOptions["onStdout"]): NonNullable<CallOptions["onStdout"]> => {
    const decoder = new TextDecoder();
    return (chunk) => {
      const message = decoder.decode(chunk, { stream: true });
      if (message !== "") onStdio({ channel, message });
      return then?.(chunk);
    };
  };
  return { onStdout: hook("stdout", call.onStdout), onStderr: hook("stderr", call.onStderr) };
}

/** The line by which a failed program says why. */
function errorMessage(result: ExecResult): { errorMessage?: string } {
  if (result.exitCode === 0) return {};
  if (result.timedOut) return { errorMessage: "the call's timeout ended it" };
  if (result.signal !== null) return { errorMessage: `ended by ${result.signal}` };
  const line = result.stderr.split("\n").find((text) => /^(?:Uncaught )?[A-Za-z]*Error\b/.test(text));
  return { errorMessage: line ?? `ended with status ${result.exitCode}` };
}
