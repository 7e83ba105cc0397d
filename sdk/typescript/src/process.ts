/** A live process of a machine. */
import type { MessageInitShape } from "@bufbuild/protobuf";

import { pieces, toBytes } from "./bytes.js";
import { fromCaller } from "./caller.js";
import { FileError } from "./errors.js";
import { Held } from "./held.js";
import { OutputChannel, type Exited } from "./gen/cenote/v1/common_pb.js";
import { SignalScope, type AttachEvent, type AttachRequestSchema, type ProgramSchema } from "./gen/cenote/v1/processes_pb.js";
import type { Machine } from "./machine.js";
import type { SpawnOptions, StdinSource } from "./options.js";
import { ProcessOutput, WINDOW } from "./output.js";
import { Queue } from "./queue.js";
import { fromDetail } from "./sidecar/failure.js";
import { signalName, signalNumber } from "./signals.js";

/** Bytes sent at once. */
const CHUNK = 64 << 10;

type Outgoing = MessageInitShape<typeof AttachRequestSchema>;

/** How a process ended. */
export interface ExitStatus {
  /** 0–255 as the program said, or 128 + n when signal n ended it. */
  exitCode: number;
  /** The signal that ended it, e.g. `SIGKILL`. */
  signal: string | null;
  /** Whether its `timeout` ended it. */
  timedOut: boolean;
}

interface Write {
  /** Where in the input it ends, in bytes. */
  end: bigint;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/**
 * A live process: what `spawn` returns. It does not keep the embedder's process alive, except while its end or its output is awaited.
 */
export class NodeRuntimeProcess implements AsyncDisposable {
  /** Standard output. Iterate it, read it as a web stream, or leave it: the first 16 MiB (`limits.outputBytes`) are kept. */
  readonly stdout: ProcessOutput;
  /** Standard error, as {@link stdout}. */
  readonly stderr: ProcessOutput;
  readonly #machine: Machine;
  readonly #requests = new Queue<Outgoing>();
  readonly #exited: Promise<ExitStatus>;
  #pid = 0;
  #status: ExitStatus | null = null;
  #sent = 0n;
  #written = 0n;
  #writes: Write[] = [];
  #inputEnd: unknown;
  /** What a callback or the source of standard input has thrown. */
  #thrown: { readonly error: unknown } | undefined;

  private constructor(machine: Machine, options: Pick<SpawnOptions, "onStdout" | "onStderr">) {
    this.#machine = machine;
    const output = (channel: OutputChannel, callback: SpawnOptions["onStdout"]): ProcessOutput =>
      new ProcessOutput(
        machine.outputLimit,
        {
          grant: (bytes) => this.#requests.push({ message: { case: "window", value: { channel, bytes } } }),
          hold: () => machine.link.hold(),
          failed: (error) => this.#giveUp(error),
        },
        callback,
      );
    this.stdout = output(OutputChannel.STDOUT, options.onStdout);
    this.stderr = output(OutputChannel.STDERR, options.onStderr);
    this.#exited = new Promise<ExitStatus>((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    // Whoever waits hears of it; nobody has to wait.
    this.#exited.catch(() => undefined);
  }

  #settle!: { resolve: (status: ExitStatus) => void; reject: (error: unknown) => void };

  /** @internal Starts a program and waits until it runs. */
  static async start(
    machine: Machine,
    program: MessageInitShape<typeof ProgramSchema>,
    options: SpawnOptions,
    killOnClose = false,
  ): Promise<NodeRuntimeProcess> {
    machine.check();
    options.signal?.throwIfAborted();
    const started = new NodeRuntimeProcess(machine, options);
    await started.#open(program, killOnClose);
    if (options.stdin !== undefined) void started.#feed(options.stdin);
    if (options.signal !== undefined) started.#killOnAbort(options.signal);
    return started;
  }

  async #open(program: MessageInitShape<typeof ProgramSchema>, killOnClose: boolean): Promise<void> {
    this.#requests.push({
      message: {
        case: "open",
        value: { target: { case: "program", value: program }, stdoutWindow: WINDOW, stderrWindow: WINDOW, killOnClose },
      },
    });
    const machine = this.#machine;
    const events = await machine.call(async () => {
      const events = machine.link.processes.attach(this.#requests, machine.with())[Symbol.asyncIterator]();
      const first = await events.next();
      if (first.done || first.value.event.case !== "started") throw new Error("the sidecar did not say which process it started");
      this.#pid = first.value.event.value.pid;
      return events;
    });
    void this.#follow(events);
  }

  /** Takes events until the process has ended. */
  async #follow(events: AsyncIterator<AttachEvent>): Promise<void> {
    let end: unknown;
    try {
      for (let next = await events.next(); !next.done; next = await events.next()) {
        const { event } = next.value;
        if (event.case === "stdout") this.stdout.push(event.value);
        else if (event.case === "stderr") this.stderr.push(event.value);
        else if (event.case === "outputEnded") (event.value.channel === OutputChannel.STDERR ? this.stderr : this.stdout).end();
        else if (event.case === "stdinWritten") this.#acknowledge(event.value);
        else if (event.case === "stdinFailed") this.#failInput(fromDetail(event.value, "standard input cannot be written", this.#machine.id));
        else if (event.case === "exited") this.#status = exitStatus(event.value);
      }
      end = this.#status === null ? new Error("the connection to the process ended before it") : undefined;
    } catch (error) {
      // An ending that was told before is the ending.
      end = this.#status === null ? this.#machine.failure(error) : undefined;
    }
    this.#requests.end();
    this.stdout.end(end);
    this.stderr.end(end);
    this.#failInput(end ?? new FileError("EPIPE", "EPIPE: the process has ended", "write", "", { vm: this.#machine.id }));
    await Promise.all([this.stdout.calledBack, this.stderr.calledBack]);
    if (this.#thrown !== undefined) this.#settle.reject(this.#thrown.error);
    else if (this.#status === null) this.#settle.reject(end);
    else this.#settle.resolve(this.#status);
  }

  /** The embedder's own code failed: the program is ended, and who waits for it gets the error. */
  #giveUp(error: unknown): void {
    this.#thrown ??= { error };
    void this.#signal(signalNumber("SIGKILL"), SignalScope.SESSION).catch(() => undefined);
  }

  /** Its id in the machine. */
  get pid(): number {
    return this.#pid;
  }

  /** The exit code once it has ended (128 + n when signal n ended it), or `null` while it runs. */
  get exitCode(): number | null {
    return this.#status?.exitCode ?? null;
  }

  /** The signal that ended it, or `null`. */
  get signalCode(): string | null {
    return this.#status?.signal ?? null;
  }

  /** Resolves with how it ended. Rejects with what a callback or the source of its standard input has thrown, which ends it. */
  exited(): Promise<ExitStatus> {
    return fromCaller(this.exited, () => this.#ended());
  }

  /** Resolves with the exit code once it has ended; rejects as {@link exited}. */
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

  /**
   * Writes to its standard input. The promise resolves when the process's pipe has taken all of it; a caller who does not care need not
   * await it.
   *
   * @throws {FileError} `EPIPE` when nobody reads it any more.
   */
  writeStdin(data: string | Uint8Array): Promise<void> {
    return Held.of(
      () => this.#machine.link.hold(),
      fromCaller(this.writeStdin, async () => this.#write(toBytes(data))),
    );
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (this.#inputEnd !== undefined) throw this.#inputEnd;
    if (bytes.byteLength === 0) return;
    for (const piece of pieces(bytes, CHUNK)) this.#requests.push({ message: { case: "stdin", value: piece as Uint8Array<ArrayBuffer> } });
    this.#sent += BigInt(bytes.byteLength);
    const end = this.#sent;
    await new Promise<void>((resolve, reject) => this.#writes.push({ end, resolve, reject }));
  }

  #acknowledge(written: bigint): void {
    this.#written = written;
    const waiting = this.#writes;
    this.#writes = waiting.filter((write) => write.end > written);
    for (const write of waiting) if (write.end <= this.#written) write.resolve();
  }

  #failInput(error: unknown): void {
    this.#inputEnd ??= error;
    for (const write of this.#writes.splice(0)) write.reject(error);
  }

  /** Ends its standard input, after what was written. */
  closeStdin(): void {
    this.#requests.push({ message: { case: "closeStdin", value: {} } });
    this.#inputEnd ??= new FileError("EBADF", "EBADF: standard input was closed", "write", "", { vm: this.#machine.id });
  }

  /** Its standard input as a web stream; it waits for the process to read. */
  get stdin(): WritableStream<Uint8Array | string> {
    return new WritableStream({
      write: async (chunk) => {
        const release = this.#machine.link.hold();
        await this.#write(toBytes(chunk)).finally(release);
      },
      close: () => this.closeStdin(),
    });
  }

  async #feed(source: StdinSource): Promise<void> {
    try {
      if (typeof source === "string" || source instanceof Uint8Array) await this.#write(toBytes(source));
      else for await (const chunk of source) await this.#write(toBytes(chunk));
    } catch (error) {
      // A process that does not read to the end may do so; one that got half of its input must not take it for all.
      if (error !== this.#inputEnd) this.#giveUp(error);
    }
    this.closeStdin();
  }

  /** Sends a signal, by name or number. Default `SIGTERM`. One that has ended already is no error. */
  kill(signal: string | number = "SIGTERM"): void {
    const number = signalNumber(signal);
    void this.#signal(number, SignalScope.PROCESS).catch(() => undefined);
  }

  /** Sends a signal to the process and everything it started. */
  killAll(signal: string | number = "SIGKILL"): Promise<void> {
    return fromCaller(this.killAll, () => this.#signal(signalNumber(signal), SignalScope.SESSION));
  }

  async #signal(signal: number, scope: SignalScope): Promise<void> {
    if (this.#status !== null) return;
    const machine = this.#machine;
    await machine.call((options) => machine.link.processes.signal({ pid: this.#pid, signal, scope }, options));
  }

  #killOnAbort(signal: AbortSignal): void {
    const kill = (): void => void this.killAll().catch(() => undefined);
    if (signal.aborted) kill();
    signal.addEventListener("abort", kill, { once: true });
    const forget = (): void => signal.removeEventListener("abort", kill);
    this.#exited.then(forget, forget);
  }

  /** Kills it, with everything it started, and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#status !== null || this.#machine.isDisposed) return;
    await this.killAll();
    await this.#ended();
  }
}

/** @internal */
export function exitStatus(exited: Exited): ExitStatus {
  return { exitCode: exited.exitCode, signal: signalName(exited.signal), timedOut: exited.timedOut };
}
