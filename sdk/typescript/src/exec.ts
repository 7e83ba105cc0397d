/** Calls that run to their end: what is sent, and what comes back. */
import type { MessageInitShape } from "@bufbuild/protobuf";

import { concat, toBytes, toText } from "./bytes.js";
import { OptionError } from "./errors.js";
import type { Exited } from "./gen/cenote/v1/common_pb.js";
import { ModuleType, OutputMode, type ExecEvent, type ExecRequestSchema, type ProgramSchema } from "./gen/cenote/v1/processes_pb.js";
import { wholeNumber } from "./limits.js";
import type { Machine } from "./machine.js";
import type { CallOptions, ExecOptions } from "./options.js";
import { exitStatus, NodeRuntimeProcess, type ExitStatus } from "./process.js";

/** Standard input that fits one message, in bytes. */
const INPUT_AT_ONCE = 8 << 20;

/** @internal What is to be run. */
export type Program = MessageInitShape<typeof ProgramSchema>;

/** How a finished call went. A guest that fails is no error of the call: look at `exitCode`. */
export class ExecResult {
  /** What was written to standard output, as text; what is not UTF-8 is replaced. */
  readonly stdout: string;
  /** What was written to standard error, as text. */
  readonly stderr: string;
  /** 0–255 as the program said, or 128 + n when signal n ended it. */
  readonly exitCode: number;
  /** The same as `exitCode`. */
  readonly code: number;
  /** The signal that ended it, e.g. `SIGKILL`. */
  readonly signal: string | null;
  /** Whether the call's `timeout` ended it. */
  readonly timedOut: boolean;
  /** Whether more was written to standard output than `limits.outputBytes`. */
  readonly stdoutTruncated: boolean;
  /** Whether more was written to standard error than `limits.outputBytes`. */
  readonly stderrTruncated: boolean;
  readonly #stdout: Uint8Array;
  readonly #stderr: Uint8Array;

  /** @internal */
  constructor(stdout: Captured, stderr: Captured, status: ExitStatus) {
    this.#stdout = concat(stdout.chunks);
    this.#stderr = concat(stderr.chunks);
    this.stdout = toText(this.#stdout);
    this.stderr = toText(this.#stderr);
    this.exitCode = status.exitCode;
    this.code = status.exitCode;
    this.signal = status.signal;
    this.timedOut = status.timedOut;
    this.stdoutTruncated = stdout.truncated;
    this.stderrTruncated = stderr.truncated;
  }

  /** Standard output as bytes. */
  get stdoutBytes(): Uint8Array {
    return this.#stdout;
  }

  /** Standard error as bytes. */
  get stderrBytes(): Uint8Array {
    return this.#stderr;
  }
}

/** Output kept up to a limit. */
class Captured {
  readonly chunks: Uint8Array[] = [];
  truncated = false;
  #room: number;

  constructor(limit: number) {
    this.#room = limit;
  }

  push(chunk: Uint8Array): void {
    if (chunk.byteLength > this.#room) this.truncated = true;
    const part = chunk.byteLength > this.#room ? chunk.slice(0, this.#room) : chunk;
    this.#room -= part.byteLength;
    if (part.byteLength > 0) this.chunks.push(part);
  }
}

/** @internal What a call brings back: how it went, and the JSON text it returned (`run`). */
export interface Finished {
  result: ExecResult;
  value: string | undefined;
}

/** @internal JavaScript as a program. */
export function code(text: string, options: CallOptions): Program {
  const type = options.type === "commonjs" ? ModuleType.COMMONJS : ModuleType.MODULE;
  return { what: { case: "code", value: { text, type, filename: options.filename ?? "" } }, ...common(options) };
}

/** @internal A command as a program. */
export function command(name: string, args: readonly string[], options: CallOptions): Program {
  return { what: { case: "command", value: name }, ...common({ ...options, args: [...args, ...(options.args ?? [])] }) };
}

/** @internal A script for `/bin/sh` as a program. */
export function shell(script: string, options: CallOptions): Program {
  return { what: { case: "shell", value: script }, ...common(options) };
}

function common(options: CallOptions): Omit<Program, "what" | "$typeName"> {
  return {
    args: (options.args ?? []).map((argument) => toBytes(argument)),
    env: options.env ?? {},
    cwd: options.cwd ?? "",
    timeoutMs: options.timeout === undefined ? 0n : BigInt(wholeNumber("timeout", Math.ceil(options.timeout))),
  };
}

/** @internal Runs a program to its end; `returning` also brings back what it passed to `__return`. */
export async function runToTheEnd(machine: Machine, program: Program, options: ExecOptions, returning: boolean): Promise<Finished> {
  const { stdin = "" } = options;
  if (typeof stdin === "string" || stdin instanceof Uint8Array) {
    const bytes = toBytes(stdin);
    if (bytes.byteLength <= INPUT_AT_ONCE) return execute(machine, program, bytes, options, returning);
  }
  if (returning) throw new OptionError("stdin", `for run it is text or bytes, at most ${INPUT_AT_ONCE} of them`);
  return { result: await attached(machine, program, options), value: undefined };
}

/** One call: the request, then events to the end. */
async function execute(
  machine: Machine,
  program: Program,
  stdin: Uint8Array<ArrayBuffer>,
  options: ExecOptions,
  returning: boolean,
): Promise<Finished> {
  const { onStdout, onStderr, signal } = options;
  const live = onStdout !== undefined || onStderr !== undefined;
  const request: MessageInitShape<typeof ExecRequestSchema> = {
    program,
    stdin,
    output: live ? OutputMode.LIVE : OutputMode.CAPTURED,
  };
  // With callbacks everything comes, and what is kept of it is kept here.
  const stdout = new Captured(live ? machine.outputLimit : Infinity);
  const stderr = new Captured(live ? machine.outputLimit : Infinity);
  const value: Uint8Array[] = [];
  const take = async ({ event }: ExecEvent): Promise<Exited | undefined> => {
    switch (event.case) {
      case "stdout":
        stdout.push(event.value);
        if (onStdout !== undefined) await onStdout(event.value);
        return undefined;
      case "stderr":
        stderr.push(event.value);
        if (onStderr !== undefined) await onStderr(event.value);
        return undefined;
      case "value":
        value.push(event.value);
        return undefined;
      case "exited":
        return event.value;
      default:
        return undefined;
    }
  };
  const exited = await machine.call(async (connect) => {
    const { processes } = machine.link;
    // A reader that stops does not end the call, and with it the program: this does.
    const stop = new AbortController();
    const options = { ...connect, signal: signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]) };
    const events = returning ? processes.run(request, options) : processes.exec(request, options);
    let last: Exited | undefined;
    try {
      for await (const event of events) last = (await take(event)) ?? last;
    } finally {
      if (last === undefined) stop.abort();
    }
    if (last === undefined) throw new Error("the sidecar did not say how the program ended");
    return last;
  }, signal);
  stdout.truncated ||= exited.stdoutTruncated;
  stderr.truncated ||= exited.stderrTruncated;
  return {
    result: new ExecResult(stdout, stderr, exitStatus(exited)),
    value: value.length > 0 ? toText(concat(value)) : undefined,
  };
}

/** As a live process, for input that comes bit by bit. */
async function attached(machine: Machine, program: Program, options: ExecOptions): Promise<ExecResult> {
  const stdout = new Captured(machine.outputLimit);
  const stderr = new Captured(machine.outputLimit);
  const process = await NodeRuntimeProcess.start(
    machine,
    program,
    {
      ...options,
      onStdout: (chunk) => (stdout.push(chunk), options.onStdout?.(chunk)),
      onStderr: (chunk) => (stderr.push(chunk), options.onStderr?.(chunk)),
    },
    true,
  );
  const status = await process.exited();
  options.signal?.throwIfAborted();
  return new ExecResult(stdout, stderr, status);
}
