/** The subprocess sandbox, beyond its example. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { createSubprocessSandbox, NodeRuntime } from "../src/index.js";

const none = async (): Promise<unknown> => assert.fail("no tool is to be called");

test("values of all kinds come back as far as they are JSON", async () => {
  const sandbox = createSubprocessSandbox();
  assert.deepEqual((await sandbox.execute("return { a: [1, null], b: undefined, c: 1n }", [], none)).result, { a: [1, null], c: "1" });
  assert.equal((await sandbox.execute("1 + 1", [], none)).result, null);
  assert.match((await sandbox.execute("return (", [], none)).error ?? "", /Unexpected/);
  assert.equal((await sandbox.execute("process.exit(3)", [], none)).error, "Process exited with code 3");
});

test("code cannot call what is not its tool, nor end a run in another's name", async () => {
  const called: string[] = [];
  const { result } = await createSubprocessSandbox().execute(
    `process.send({ type: "tool_call", id: "x", toolName: "secret", params: {} });
     return await known({}).then((value) => value.ok)`,
    [{ name: "known", description: "known" }],
    async (name) => (called.push(name), { ok: true }),
  );
  assert.deepEqual([result, called], [true, ["known"]]);
});

test("the memory limit ends the code with an error", async () => {
  const sandbox = createSubprocessSandbox({ memoryLimit: 32 });
  const { error } = await sandbox.execute("const all = []; for (;;) all.push(new Array(1e5).fill(all.length));", [], none);
  assert.match(error ?? "", /terminated|exited/);
});

test("the host's environment stays outside unless it is asked for", async () => {
  process.env["CENOTE_TEST_SECRET"] = "s";
  const code = "return process.env.CENOTE_TEST_SECRET ?? null";
  assert.equal((await createSubprocessSandbox().execute(code, [], none)).result, null);
  assert.equal((await createSubprocessSandbox({ minimalEnv: false }).execute(code, [], none)).result, "s");
});

test("a tool that answers what is no JSON, or throws anything, fails in the code and nowhere else", async () => {
  const circular: Record<string, unknown> = {};
  circular["self"] = circular;
  const answers = [() => circular, () => 1n, () => Promise.reject(Object.create(null)), () => ({ toJSON: () => { throw new Error("no"); } })];
  for (const answer of answers) {
    const code = "try { return await tool({}); } catch (error) { return [error.message.length > 0]; }";
    const { result, error } = await createSubprocessSandbox().execute(code, [{ name: "tool", description: "" }], async () => answer());
    assert.deepEqual([result, error], [[true], undefined]);
  }
});

test("a memory limit in which nothing runs is refused, the least one is enough", async () => {
  assert.throws(() => createSubprocessSandbox({ memoryLimit: 4 }), { code: "INVALID_OPTION", option: "memoryLimit", message: /16/ });
  assert.equal((await createSubprocessSandbox({ memoryLimit: 16 }).execute("return 1", [], none)).result, 1);
  await assert.rejects(NodeRuntime.create({ limits: { jsHeapBytes: 1 << 20 } }), { code: "INVALID_OPTION", option: "limits.jsHeapBytes" });
});
