// Seed 003: the document is the sandbox's interface; this is a program that uses all of it.
import {
  createSubprocessSandbox,
  SubprocessSandbox,
  type SandboxExecutionResult,
  type SandboxTool,
  type SubprocessSandboxConfig,
} from "cenote";

const config: Partial<SubprocessSandboxConfig> = { timeout: 30000, memoryLimit: 128, minimalEnv: true };
const sandbox: SubprocessSandbox = createSubprocessSandbox(config);
const tools: SandboxTool[] = [
  {
    name: "add",
    description: "Adds two numbers",
    inputSchema: { type: "object", properties: { a: { type: "number" }, b: { type: "number" } } },
  },
  { name: "fail", description: "Fails" },
];

const execution = sandbox.execute(
  `
    console.log("adding");
    console.warn("two", 2);
    process.stdout.write("to stdout\\n");
    process.stderr.write("to stderr\\n");
    const why = await fail({}).catch((error) => error.message);
    return { sum: await add({ a: 1, b: 2 }), why, env: "USERNAME" in process.env, node: process.env.NODE_ENV };
  `,
  tools,
  async (toolName: string, params: unknown): Promise<unknown> => {
    if (toolName !== "add") throw new Error("it was asked to");
    const { a, b } = params as { a: number; b: number };
    return a + b;
  },
);
console.log("running:", sandbox.isRunning());
const { result, logs, error, duration }: SandboxExecutionResult = await execution;
console.log("result:", JSON.stringify(result));
console.log("logs:", logs.sort().join(" | "));
console.log("error:", error, "duration:", typeof duration);

const thrown = await sandbox.execute("throw new Error('no')", [], async () => undefined);
console.log("error:", thrown.error);

const endless = createSubprocessSandbox({ timeout: 500 });
console.log("error:", (await endless.execute("for (;;);", [], async () => undefined)).error);

const terminated = sandbox.execute("await new Promise(() => setTimeout(() => {}, 60000))", [], async () => undefined);
setTimeout(() => sandbox.terminate(), 100);
console.log("error:", (await terminated).error, "running:", sandbox.isRunning());
