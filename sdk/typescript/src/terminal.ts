/** A program of the machine on a pseudo terminal. */
import type { MessageInitShape } from "@bufbuild/protobuf";

import { pieces, toBytes } from "./bytes.js";
import { fromCaller } from "./caller.js";
import { command } from "./exec.js";
import type { TerminalEvent, TerminalRequestSchema } from "./gen/cenote/v1/terminals_pb.js";
import type { Machine } from "./machine.js";
import type { OutputCallback } from "./options.js";
import { ProcessOutput, WINDOW } from "./output.js";
import { exitStatus, type ExitStatus } from "./process.js";
import { Queue } from "./queue.js";

/** Bytes sent at once. */
const CHUNK = 64 << 10;

/** How a terminal is opened. */
export interface TerminalOptions {
  /** The program. Default: `/bin/bash` as a login shell. */
  command?: string;
  /** Its arguments. */
  args?: readonly string[];
  /** Variables over the machine's own. */
  env?: Record<string, string>;
  /** Working directory. Default: the machine's. */
  cwd?: string;
  /** Width in characters. Default 80. */
  cols?: number;
  /** Height in characters. Default 24. */
  rows?: number;
  /** The variable TERM. Default `xterm-256color`. */
  term?: string;
  /**
   * Called with what the terminal shows; when it returns a promise, the program waits for it. Instead of iterating. When it throws, the terminal
   * is closed, and `exited` and `wait` reject with that.
   */
  onData?: OutputCallback;
}

/**
 * An open terminal: iterate it for what it shows, unless `onData` takes that. What nobody reads is kept as that of a process: the first 16 MiB
 * (`limits.outputBytes`).
 */
export class Terminal implements AsyncIterable<Uint8Array>, AsyncDisposable {
  /** The program's process id in the machine. */
  readonly pid: number;
  readonly #machine: Machine;
  readonly #id: bigint;
  readonly #requests = new Queue<MessageInitShape<typeof TerminalRequestSchema>>();
  readonly #output: ProcessOutput;
  readonly #exited: Promise<ExitStatus>;
  #settle!: { resolve: (status: ExitStatus) => void; reject: (error: unknown) => void };
  /** Bytes that somebody is still to take. */
  #untaken = 0;
  #resume: (() => void) | undefined;
  /** What `onData` has thrown. */
  #thrown: { readonly error: unknown } | undefined;

  private constructor(machine: Machine, id: bigint, pid: number, onData: OutputCallback | undefined) {
    this.#machine = machine;
    this.#id = id;
    this.pid = pid;
    this.#exited = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    this.#exited.catch(() => undefined);
    const source = {
      grant: (bytes: number) => {
        this.#untaken -= bytes;
        if (this.#untaken < WINDOW) this.#resume?.();
      },
      hold: () => machine.link.hold(),
      failed: (error: unknown) => {
        this.#thrown ??= { error };
        void this.close().catch(() => undefined);
      },
    };
    this.#output = new ProcessOutput(machine.outputLimit, source, onData);
  }

  /** @internal */
  static async open(machine: Machine, options: TerminalOptions): Promise<Terminal> {
    const { env = {}, cwd = "", args = [] } = options;
    const program = command(options.command ?? "/bin/bash", options.command === undefined ? ["-l", ...args] : args, { env, cwd });
    const reply = await machine.call((connect) =>
      machine.link.terminals.open({ program, size: { columns: options.cols ?? 80, rows: options.rows ?? 24 }, term: options.term ?? "" }, connect),
    );
    const terminal = new Terminal(machine, reply.terminal, reply.pid, options.onData);
    await machine.call(() => terminal.#attach());
    return terminal;
  }

  /** Takes what the terminal shows from now on; resolves when the sidecar has found it. */
  async #attach(): Promise<void> {
    const machine = this.#machine;
    this.#requests.push({ message: { case: "terminal", value: this.#id } });
    await new Promise<void>((resolve, reject) => {
      const events = machine.link.terminals.attach(this.#requests, machine.with({ onHeader: () => resolve() }))[Symbol.asyncIterator]();
      void this.#follow(events).then(resolve, reject);
    });
  }

  async #follow(events: AsyncIterator<TerminalEvent>): Promise<void> {
    const forget = this.#machine.beforeEnd(() => {
      this.#untaken = -Infinity;
      this.#resume?.();
    });
    let status: ExitStatus | undefined;
    let end: unknown;
    try {
      for (let next = await events.next(); !next.done; next = await events.next()) {
        const { event } = next.value;
        if (event.case === "output") await this.#show(event.value);
        else if (event.case === "exited") status = exitStatus(event.value);
      }
      if (status === undefined) end = new Error("the connection to the terminal ended before its program");
    } catch (error) {
      // An ending that was told before is the ending.
      if (status === undefined) end = this.#machine.failure(error);
    }
    forget();
    this.#requests.end();
    this.#output.end(end);
    await this.#output.calledBack;
    if (this.#thrown !== undefined) this.#settle.reject(this.#thrown.error);
    else if (status === undefined) this.#settle.reject(end);
    else this.#settle.resolve(status);
  }

  /** What is over the window waits for who reads it, and with it the program. */
  async #show(bytes: Uint8Array): Promise<void> {
    this.#untaken += bytes.byteLength;
    this.#output.push(bytes);
    while (this.#untaken >= WINDOW) await new Promise<void>((resolve) => (this.#resume = resolve));
  }

  /** What the terminal shows, as it comes. A program that writes more than its reader takes waits. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array, undefined, undefined> {
    return this.#output[Symbol.asyncIterator]();
  }

  /** Types: text or bytes, control characters included. */
  write(data: string | Uint8Array): void {
    for (const piece of pieces(toBytes(data), CHUNK)) {
      this.#requests.push({ message: { case: "input", value: piece as Uint8Array<ArrayBuffer> } });
    }
  }

  /** Changes the window's size in characters; the program in the foreground gets SIGWINCH. */
  resize(cols: number, rows: number): Promise<void> {
    const machine = this.#machine;
    return fromCaller(this.resize, async () => {
      await machine.call((options) => machine.link.terminals.resize({ terminal: this.#id, size: { columns: cols, rows } }, options));
    });
  }

  /** Resolves with how the program ended, after all that it showed has been taken by who reads it. */
  exited(): Promise<ExitStatus> {
    return fromCaller(this.exited, () => this.#ended());
  }

  /** Resolves with the program's exit code. */
  wait(): Promise<number> {
    return fromCaller(this.wait, async () => (await this.#ended()).exitCode);
  }

  async #ended(): Promise<ExitStatus> {
    const release = this.#machine.link.hold();
    try {
      return await this.#exited;
    } finally {
      release();
    }
  }

  /** Closes the terminal: its programs get SIGHUP. */
  close(): Promise<void> {
    const machine = this.#machine;
    return fromCaller(this.close, async () => {
      if (machine.isDisposed) return;
      await machine.call((options) => machine.link.terminals.close({ terminal: this.#id }, options));
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
