/**
 * A sidecar: the `cenote serve` process that machines live in or under, started here or reached over a socket.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConnectionOptions } from "node:tls";

import { fromCaller } from "../caller.js";
import { SidecarError } from "../errors.js";
import { Isolation as WireIsolation, WallState } from "../gen/cenote/v1/vms_pb.js";
import { findBinary } from "./binary.js";
import { Link, type Address } from "./link.js";
import { checkRevision } from "./revision.js";

/** Milliseconds a sidecar has to begin to listen. */
const START_LIMIT = 20_000;
/** Milliseconds a sidecar has to end when asked. */
const STOP_LIMIT = 5_000;
/** Characters kept of what a sidecar writes to standard error. */
const LAST_WORDS = 4_096;

/** How a sidecar is started. */
export interface SidecarOptions {
  /** Path of the `cenote` program. Default: `CENOTE_BIN`, the platform package, the in-repo build. */
  binary?: string;
  /** Further arguments of `cenote serve`. */
  args?: readonly string[];
  /** Its environment. Default: this process's. */
  env?: Record<string, string>;
  /** Where its log goes: `"inherit"` to this process's standard error, `"ignore"` (the default) nowhere. */
  log?: "inherit" | "ignore";
}

/** Where a sidecar that runs already listens. */
export interface SidecarAddress {
  /** Path of its Unix socket. */
  socket?: string;
  /** Its host, for TCP. */
  host?: string;
  /** Its port, for TCP. */
  port?: number;
  /** The token it asks for, for TCP. */
  token?: string;
  /** TLS options, e.g. `{ ca }`; `false` for none. Default: TLS with the system's authorities. */
  tls?: ConnectionOptions | false;
}

/** One part of a process's lock-down. */
export interface Wall {
  /** `no_new_privs`, `seccomp`, `landlock`, `user_namespace`, `network_namespace`, `rlimits` … */
  name: string;
  /** Whether it is in force, in part, not available on this host, or switched off. */
  state: "applied" | "partial" | "unavailable" | "off";
  /** How it was set up, or why not. */
  detail: string;
}

/** What a sidecar says of itself. */
export interface SidecarDescription {
  /** Cenote's version. */
  version: string;
  /** How far the contract has grown that it speaks. */
  revision: number;
  /** `process.version` of guests. */
  nodeVersion: string;
  /** Where a machine lives that does not say. */
  defaultIsolation: "process" | "shared";
  /** The walls around the process asked about. */
  lockDown: Wall[];
  /** Live machines. */
  vms: number;
  /** Its process id on its host. */
  pid: number;
  /** Calls and options it cannot do yet. */
  unimplemented: string[];
}

const running = new Set<Sidecar>();
let cleaning = false;
let shared: Promise<Sidecar> | undefined;

/** A sidecar process. Machines made on it end with it. */
export class Sidecar implements AsyncDisposable {
  /** @internal */
  readonly link: Link;
  readonly #child: ChildProcess | undefined;
  readonly #removeDirectory: () => void;
  #ended: Promise<void> | undefined;

  private constructor(link: Link, child?: ChildProcess, removeDirectory: () => void = () => undefined) {
    this.link = link;
    this.#child = child;
    this.#removeDirectory = removeDirectory;
  }

  /**
   * Starts a sidecar of its own: `cenote serve` on a Unix socket in a fresh directory. It ends with {@link dispose}, or with this process.
   *
   * @throws {SidecarError} `SIDECAR_NOT_FOUND`, `SIDECAR_DAMAGED`, `SIDECAR_CACHE`, `SIDECAR_FAILED`, `SIDECAR_REVISION`.
   */
  static start(options: SidecarOptions = {}): Promise<Sidecar> {
    return fromCaller(Sidecar.start, () => Sidecar.#start(options));
  }

  static async #start(options: SidecarOptions): Promise<Sidecar> {
    const binary = await findBinary(options.binary);
    const directory = mkdtempSync(join(tmpdir(), "cenote-"));
    const socket = join(directory, "sidecar.sock");
    const child = spawn(binary, ["serve", "--socket", socket, "--owner-stdin", ...(options.args ?? [])], {
      stdio: ["pipe", "pipe", options.log === "inherit" ? "inherit" : "pipe"],
      env: options.env ?? process.env,
    });
    const words = keepLastWords(child);
    const removeDirectory = (): void => rmSync(directory, { recursive: true, force: true });
    try {
      const said = await listening(child, words);
      checkRevision(said["revision"], said["version"], binary);
    } catch (error) {
      child.kill("SIGKILL");
      removeDirectory();
      throw error;
    }
    unreference(child);
    // There is one connection. Once it is made, nothing stays of it, whatever becomes of this process.
    const sidecar = new Sidecar(new Link({ socket }, removeDirectory), child, removeDirectory);
    running.add(sidecar);
    cleanUpAtExit();
    child.once("exit", (code, signal) => {
      const how = signal === null ? `with status ${code}` : `by ${signal}`;
      sidecar.#over(new SidecarError("SIDECAR_GONE", `the sidecar ended ${how}${words.text && `: ${words.text}`}`));
    });
    return sidecar;
  }

  /**
   * Reaches a sidecar that runs already, on a Unix socket or over TCP. {@link dispose} only ends the connection.
   *
   * @throws {SidecarError} `SIDECAR_GONE` when nothing answers there, `WRONG_TOKEN`, `SIDECAR_REVISION`.
   */
  static connect(where: SidecarAddress): Promise<Sidecar> {
    return fromCaller(Sidecar.connect, async () => {
      const sidecar = new Sidecar(new Link(address(where)));
      try {
        const { version, revision } = await sidecar.describe();
        checkRevision(revision, version, "the sidecar");
      } catch (error) {
        await sidecar.dispose();
        throw error;
      }
      return sidecar;
    });
  }

  /** The sidecar that this process shares: started on first use, and again when it has ended. */
  static shared(): Promise<Sidecar> {
    shared ??= Sidecar.start().then(
      (sidecar) => sidecar,
      (error: unknown) => {
        shared = undefined;
        throw error;
      },
    );
    return shared.then((sidecar) => {
      if (sidecar.link.gone === undefined) return sidecar;
      shared = undefined;
      return Sidecar.shared();
    });
  }

  /** Whether machines can be made on it. */
  get isRunning(): boolean {
    return this.link.gone === undefined;
  }

  /** Its process id; undefined when it was not started here. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** What it is, how it isolates, and which walls hold. With a machine's id: the same of that machine's process. */
  describe(vm = ""): Promise<SidecarDescription> {
    return fromCaller(this.describe, () => this.#describe(vm));
  }

  async #describe(vm: string): Promise<SidecarDescription> {
    const reply = await this.link.call(vm || undefined, () => this.link.vms.describe({ vm }));
    return {
      version: reply.version,
      revision: reply.revision,
      nodeVersion: reply.nodeVersion,
      defaultIsolation: reply.defaultIsolation === WireIsolation.SHARED ? "shared" : "process",
      lockDown: (reply.lockDown?.walls ?? []).map(({ name, state, detail }) => ({ name, state: wallState(state), detail })),
      vms: reply.vms,
      pid: reply.pid,
      unimplemented: reply.unimplemented,
    };
  }

  /** Ends it, with all its machines. A second time does nothing. */
  dispose(): Promise<void> {
    this.#ended ??= this.#stop();
    return this.#ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  async #stop(): Promise<void> {
    const child = this.#child;
    this.#over(new SidecarError("SIDECAR_GONE", "the sidecar was disposed of"));
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.ref();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT);
      child.once("exit", () => {
        clearTimeout(timer);
        resolve();
      });
      child.stdin?.end();
    });
  }

  #over(error: SidecarError): void {
    this.link.end(error);
    running.delete(this);
    this.#removeDirectory();
  }

  /** @internal What is done when this process ends without having disposed of it. */
  static abandonAll(): void {
    for (const sidecar of running) {
      sidecar.#child?.kill("SIGKILL");
      sidecar.#removeDirectory();
    }
  }
}

function cleanUpAtExit(): void {
  if (cleaning) return;
  cleaning = true;
  process.once("exit", () => Sidecar.abandonAll());
}

function wallState(state: WallState): Wall["state"] {
  switch (state) {
    case WallState.APPLIED:
      return "applied";
    case WallState.PARTIAL:
      return "partial";
    case WallState.OFF:
      return "off";
    default:
      return "unavailable";
  }
}

function address(where: SidecarAddress): Address {
  if (where.socket !== undefined) return { socket: where.socket };
  if (where.port === undefined) throw new SidecarError("SIDECAR_FAILED", "name a socket, or a host and port", { option: "sidecar" });
  return {
    host: where.host ?? "localhost",
    port: where.port,
    ...(where.token === undefined ? {} : { token: where.token }),
    ...(where.tls === undefined ? {} : { tls: where.tls }),
  };
}

interface LastWords {
  text: string;
}

function keepLastWords(child: ChildProcess): LastWords {
  const words = { text: "" };
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    words.text = (words.text + chunk).slice(-LAST_WORDS);
  });
  return words;
}

/** Waits for the line by which the sidecar says that it listens, and what it is. */
function listening(child: ChildProcess, words: LastWords): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      finish();
      reject(new SidecarError("SIDECAR_FAILED", `the sidecar did not start: ${why}${words.text && `\n${words.text.trim()}`}`));
    };
    const onError = (error: Error): void => fail(error.message);
    const onExit = (code: number | null, signal: string | null): void =>
      // What it wrote last may still be on its way.
      void setTimeout(() => fail(signal === null ? `it ended with status ${code}` : `it was ended by ${signal}`), 50);
    let line = "";
    const onData = (chunk: Buffer): void => {
      line += chunk.toString("latin1");
      if (!line.includes("\n")) return;
      let said: unknown;
      try {
        said = JSON.parse(line);
      } catch {
        return fail(`it said ${JSON.stringify(line)}`);
      }
      finish();
      resolve(said as Record<string, unknown>);
    };
    const timer = setTimeout(() => fail(`it does not listen after ${START_LIMIT / 1000} s`), START_LIMIT);
    const finish = (): void => {
      clearTimeout(timer);
      child.off("error", onError).off("exit", onExit);
      child.stdout?.off("data", onData);
      child.stdout?.resume();
    };
    child.once("error", onError).once("exit", onExit);
    child.stdout?.on("data", onData);
  });
}

/** Keeps a child and its pipes from keeping this process alive. */
function unreference(child: ChildProcess): void {
  child.unref();
  for (const stream of [child.stdin, child.stdout, child.stderr]) {
    if (stream !== null && "unref" in stream && typeof stream.unref === "function") stream.unref();
  }
  // The pipe breaks when the sidecar dies; its end is told by `exit`.
  child.stdin?.on("error", () => undefined);
}
