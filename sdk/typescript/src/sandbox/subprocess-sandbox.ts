/**
 * The subprocess sandbox: code with tools, in a machine of its own.
 *
 * Where the interface comes from, code ran in a process of the host. Here it is a `node` process of a fresh machine, in a locked-down worker
 * process of the sidecar; the embedder sees the same results and logs.
 */
import { readFile } from "node:fs/promises";

import { createMachine } from "../create.js";
import { CenoteError } from "../errors.js";
import { command } from "../exec.js";
import { heapBytes, wholeNumber } from "../limits.js";
import type { Machine } from "../machine.js";
import { NodeRuntimeProcess } from "../process.js";

/** A tool that code can call, as an async function of its name. */
export interface SandboxTool {
  name: string;
  description: string;
  /** JSON Schema of its parameters; the code sees it as the function's `inputSchema`. */
  inputSchema?: Record<string, unknown>;
}

/** What travels between the embedder and the sandbox. */
export interface SandboxMessage {
  type: "execute" | "tool_call" | "tool_result" | "log" | "result" | "error" | "ready";
  id?: string;
  toolName?: string;
  params?: unknown;
  result?: unknown;
  error?: string;
  data?: unknown;
  code?: string;
  tools?: SandboxTool[];
  level?: "log" | "warn" | "error" | "debug";
}

/** How the code went. */
export interface SandboxExecutionResult {
  /** What it returned, as far as it is JSON; `null` when there is nothing. */
  result: unknown;
  /** What it said: `[log] "…"` of the console, `[stdout] …` and `[stderr] …` of its streams. */
  logs: string[];
  /** Why it failed. */
  error?: string;
  /** Milliseconds from the call to the end. */
  duration: number;
}

/** How a sandbox is set up. */
export interface SubprocessSandboxConfig {
  /** Milliseconds the code has. Default 30,000. */
  timeout: number;
  /** Megabytes of JavaScript heap. Default 128, at least 16. */
  memoryLimit: number;
  /** Whether the code's environment is only PATH and NODE_ENV. Default: true. Otherwise it gets this process's, PATH and HOME excepted. */
  minimalEnv: boolean;
}

/** Runs a tool that code has called. */
export type ToolExecutor = (toolName: string, params: unknown) => Promise<unknown>;

const DEFAULTS: SubprocessSandboxConfig = { timeout: 30_000, memoryLimit: 128, minimalEnv: true };
const TERMINATED = "Execution terminated (timeout or resource limit)";
/** Where the guest's side lies in the machine. */
const PLACE = "/usr/lib/cenote/sandbox";
/** Characters of one message from the guest that are taken. */
const MESSAGE_LIMIT = 16 << 20;
/** Characters of logs that are kept. */
const LOG_LIMIT = 16 << 20;
/** Variables of this process that would mislead a machine. */
const NOT_PASSED_ON = new Set(["PATH", "HOME", "PWD", "OLDPWD", "SHELL", "USER", "LOGNAME", "TMPDIR", "NODE_OPTIONS", "NODE_PATH"]);

/** What the guest's supervisor says besides {@link SandboxMessage}. */
type GuestMessage = SandboxMessage | { type: "stdout" | "stderr"; data: string } | { type: "exit"; code: number | null; signal: string | null };

let guestFiles: Promise<Record<string, string>> | undefined;

/** The guest's side, read once. */
function loadGuest(): Promise<Record<string, string>> {
  guestFiles ??= (async () => {
    const read = (name: string): Promise<string> => readFile(new URL(`./guest/${name}`, import.meta.url), "utf8");
    const [supervisor, worker] = await Promise.all([read("supervisor.js"), read("worker.js")]);
    return {
      [`${PLACE}/package.json`]: '{"type":"module"}',
      [`${PLACE}/supervisor.js`]: supervisor,
      [`${PLACE}/worker.js`]: worker,
    };
  })();
  return guestFiles;
}

/** Code with tools in a machine of its own; each {@link execute} has a fresh one. */
export class SubprocessSandbox {
  readonly #config: SubprocessSandboxConfig;
  readonly #running = new Set<Execution>();

  constructor(config: Partial<SubprocessSandboxConfig> = {}) {
    this.#config = { ...DEFAULTS, ...config };
    wholeNumber("timeout", this.#config.timeout);
    heapBytes("memoryLimit", this.#config.memoryLimit);
  }

  /**
   * Runs code as the body of an async function: what it returns is the result. Tools appear by their names, and in the object `tools`.
   *
   * A failure of the code is told by `error`; the promise rejects only when the sandbox itself cannot be set up.
   */
  async execute(code: string, tools: SandboxTool[], toolExecutor: ToolExecutor): Promise<SandboxExecutionResult> {
    const execution = new Execution(toolExecutor);
    this.#running.add(execution);
    try {
      return await execution.run(this.#config, code, tools);
    } finally {
      this.#running.delete(execution);
    }
  }

  /** Ends what runs; its `execute` resolves with an error. */
  terminate(): void {
    for (const execution of this.#running) execution.terminate();
    this.#running.clear();
  }

  /** Whether code is running. */
  isRunning(): boolean {
    return this.#running.size > 0;
  }
}

/** One run of code. */
class Execution {
  readonly #toolExecutor: ToolExecutor;
  readonly #logs: string[] = [];
  readonly #terminated: Promise<void>;
  #terminate!: () => void;
  #logRoom = LOG_LIMIT;
  #logsFull = false;
  #result: unknown = null;
  #error: string | undefined;

  constructor(toolExecutor: ToolExecutor) {
    this.#toolExecutor = toolExecutor;
    this.#terminated = new Promise((resolve) => (this.#terminate = resolve));
  }

  terminate(): void {
    this.#terminate();
  }

  async run(config: SubprocessSandboxConfig, code: string, tools: SandboxTool[]): Promise<SandboxExecutionResult> {
    const start = Date.now();
    const machine = await this.#machine(config);
    const timer = setTimeout(() => this.terminate(), config.timeout);
    try {
      const process = await NodeRuntimeProcess.start(machine, command("node", [`${PLACE}/supervisor.js`], {}), {});
      const ended = this.#converse(process, code, tools);
      const how = await Promise.race([ended, this.#terminated.then(() => "terminated" as const)]);
      if (how === "terminated") this.#error ??= TERMINATED;
    } finally {
      clearTimeout(timer);
      await machine.dispose();
    }
    const duration = Date.now() - start;
    return { result: this.#result, logs: this.#logs, ...(this.#error === undefined ? {} : { error: this.#error }), duration };
  }

  async #machine(config: SubprocessSandboxConfig): Promise<Machine> {
    const env: Record<string, string> = { NODE_ENV: "sandbox" };
    if (!config.minimalEnv) {
      for (const [name, value] of Object.entries(process.env)) {
        if (value !== undefined && !NOT_PASSED_ON.has(name)) env[name] = value;
      }
    }
    return createMachine({
      files: await loadGuest(),
      env,
      isolation: "process",
      limits: { jsHeapBytes: heapBytes("memoryLimit", config.memoryLimit) },
    });
  }

  /** Speaks with the supervisor until the code's process has ended. */
  async #converse(process: NodeRuntimeProcess, code: string, tools: SandboxTool[]): Promise<void> {
    const send = (line: string): void => void process.writeStdin(`${line}\n`);
    const names = new Set(tools.map(({ name }) => name));
    try {
      for await (const message of messages(process)) {
        if (message.type === "exit") return this.#ended(message);
        if (message.type === "ready") {
          const shown = tools.map(({ name, description, inputSchema }) => ({ name, description, ...(inputSchema && { inputSchema }) }));
          send(JSON.stringify({ type: "execute", code, tools: shown } satisfies SandboxMessage));
        } else this.#take(message, names, send);
      }
      this.#error ??= TERMINATED;
    } catch (error) {
      // The machine was ended, by us or by a limit.
      this.#error ??= error instanceof CenoteError && error.code !== "VM_DISPOSED" ? error.message : TERMINATED;
    }
  }

  #take(message: Exclude<GuestMessage, { type: "exit" }>, names: ReadonlySet<string>, send: (line: string) => void): void {
    switch (message.type) {
      case "stdout":
      case "stderr": {
        const text = String(message.data).trim();
        if (text) this.#log(`[${message.type}] ${text}`);
        return;
      }
      case "log":
        this.#log(`[${message.level ?? "log"}] ${JSON.stringify(message.data)}`);
        return;
      case "result":
        this.#result = message.data ?? null;
        return;
      case "error":
        this.#error = String(message.error);
        return;
      case "tool_call":
        void this.#callTool(message, names).then(send);
        return;
      default:
    }
  }

  #log(line: string): void {
    this.#logRoom -= line.length;
    if (this.#logRoom >= 0) this.#logs.push(line);
    else if (!this.#logsFull) this.#logs.push(`[warn] ${JSON.stringify(`logs end here: over ${LOG_LIMIT} characters`)}`);
    this.#logsFull = this.#logRoom < 0;
  }

  /** The answer as a line; what the tool throws, and what it returns that is no JSON, is its error. Never rejects. */
  async #callTool({ id, toolName, params }: SandboxMessage, names: ReadonlySet<string>): Promise<string> {
    const line = (answer: Pick<SandboxMessage, "result" | "error">): string =>
      JSON.stringify({ type: "tool_result", ...(id === undefined ? {} : { id }), ...answer } satisfies SandboxMessage);
    // Code can send messages of its own making.
    if (typeof toolName !== "string" || !names.has(toolName)) return line({ error: "there is no such tool" });
    try {
      return line({ result: await this.#toolExecutor(toolName, params) });
    } catch (error) {
      return line({ error: told(error) });
    }
  }

  #ended({ code, signal }: { code: number | null; signal: string | null }): void {
    if (signal === "SIGKILL") this.#error ??= TERMINATED;
    else if (code !== 0) this.#error ??= `Process exited with code ${code}`;
  }
}

/** What a thrown value says. */
function told(error: unknown): string {
  try {
    return error instanceof Error ? String(error.message) : String(error);
  } catch {
    return "the tool threw something that cannot be told";
  }
}

/** The lines of the supervisor's standard output. */
async function* messages(process: NodeRuntimeProcess): AsyncGenerator<GuestMessage> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of process.stdout) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > MESSAGE_LIMIT) throw new CenoteError("MESSAGE_TOO_LARGE", `a message of the sandbox is over ${MESSAGE_LIMIT} characters`);
    for (const line of lines) if (line !== "") yield JSON.parse(line) as GuestMessage;
  }
}

/** A sandbox for code with tools. */
export function createSubprocessSandbox(config: Partial<SubprocessSandboxConfig> = {}): SubprocessSandbox {
  return new SubprocessSandbox(config);
}
