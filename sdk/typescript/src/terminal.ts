/** A program of the machine on a pseudo terminal. */
import type { MessageInitShape } from "@bufbuild/protobuf";

import { pieces, toBytes } from "./bytes.js";
import { command } from "./exec.js";
import type { TerminalRequestSchema } from "./gen/cenote/v1/terminals_pb.js";
import type { Machine } from "./machine.js";
import type { OutputCallback } from "./options.js";
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
  /** Called with what the terminal shows; when it returns a promise, the program waits for it. Instead of iterating. */
  onData?: OutputCallback;
}

/** An open terminal: iterate it for what it shows, unless `onData` takes that. */
export class Terminal implements AsyncIterable<Uint8Array>, AsyncDisposable {
  /** The program's process id in the machine. */
  readonly pid: number;
  readonly #machine: Machine;
  readonly #id: bigint;
  readonly #requests = new Queue<MessageInitShape<typeof TerminalRequestSchema>>();
  readonly #output: AsyncGenerator<Uint8Array, void, void>;
  readonly #exited: Promise<ExitStatus>;
  #settle!: { resolve: (status: ExitStatus) => void; reject: (error: unknown) => void };

  private constructor(machine: Machine, id: bigint, pid: number, onData: OutputCallback | undefined) {
    this.#machine = machine;
    this.#id = id;
    this.pid = pid;
    this.#exited = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    this.#exited.catch(() => undefined);
    this.#requests.push({ message: { case: "terminal", value: id } });
    this.#output = this.#follow();
    if (onData !== undefined) void this.#callBack(onData);
  }

  /** @internal */
  static async open(machine: Machine, options: TerminalOptions): Promise<Terminal> {
    const { env = {}, cwd = "", args = [] } = options;
    const program = command(options.command ?? "/bin/bash", options.command === undefined ? ["-l", ...args] : args, { env, cwd });
    const reply = await machine.call((connect) =>
      machine.link.terminals.open({ program, size: { columns: options.cols ?? 80, rows: options.rows ?? 24 }, term: options.term ?? "" }, connect),
    );
    return new Terminal(machine, reply.terminal, reply.pid, options.onData);
  }

  async *#follow(): AsyncGenerator<Uint8Array, void, void> {
    const machine = this.#machine;
    const events = machine.link.terminals.attach(this.#requests, machine.with())[Symbol.asyncIterator]();
    try {
      for (let next = await events.next(); !next.done; next = await events.next()) {
        const { event } = next.value;
        if (event.case === "output") yield event.value;
        else if (event.case === "exited") this.#settle.resolve(exitStatus(event.value));
      }
      this.#settle.reject(new Error("the connection to the terminal ended before its program"));
    } catch (error) {
      const typed = machine.failure(error);
      this.#settle.reject(typed);
      throw typed;
    } finally {
      this.#requests.end();
    }
  }

  async #callBack(onData: OutputCallback): Promise<void> {
    try {
      for await (const chunk of this.#output) await onData(chunk);
    } catch {
      // `exited` tells of it.
    }
  }

  /** What the terminal shows, as it comes. A program that writes more than is read waits. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    for (;;) {
      const release = this.#machine.link.hold();
      const next = await this.#output.next().finally(release);
      if (next.done) return;
      yield next.value;
    }
  }

  /** Types: text or bytes, control characters included. */
  write(data: string | Uint8Array): void {
    for (const piece of pieces(toBytes(data), CHUNK)) {
      this.#requests.push({ message: { case: "input", value: piece as Uint8Array<ArrayBuffer> } });
    }
  }

  /** Changes the window's size in characters; the program in the foreground gets SIGWINCH. */
  async resize(cols: number, rows: number): Promise<void> {
    const machine = this.#machine;
    await machine.call((options) => machine.link.terminals.resize({ terminal: this.#id, size: { columns: cols, rows } }, options));
  }

  /** Resolves with how the program ended. Somebody has to take what the terminal shows, or it may never end. */
  async exited(): Promise<ExitStatus> {
    const release = this.#machine.link.hold();
    try {
      return await this.#exited;
    } finally {
      release();
    }
  }

  /** Resolves with the program's exit code. */
  async wait(): Promise<number> {
    return (await this.exited()).exitCode;
  }

  /** Closes the terminal: its programs get SIGHUP. */
  async close(): Promise<void> {
    const machine = this.#machine;
    if (machine.isDisposed) return;
    await machine.call((options) => machine.link.terminals.close({ terminal: this.#id }, options));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
