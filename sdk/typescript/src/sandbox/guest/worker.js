// Runs in the machine, as a child of supervisor.js: the process in which a sandbox's code runs. It speaks over Node's IPC channel.
import { isNativeError } from "node:util/types";

const waiting = new Map();
let calls = 0;

/** Sends a message and resolves when it is on its way. */
function send(message) {
  return new Promise((resolve) => process.send(message, () => resolve()));
}

/** A tool as the code sees it: an async function. */
function tool({ name, description, inputSchema }) {
  const call = (params) =>
    new Promise((resolve, reject) => {
      const id = String(++calls);
      waiting.set(id, { resolve, reject });
      send({ type: "tool_call", id, toolName: name, params });
    });
  return Object.freeze(Object.assign(call, { toolName: name, description, inputSchema }));
}

function settle({ id, result, error }) {
  const call = waiting.get(id);
  waiting.delete(id);
  if (error === undefined) call?.resolve(result);
  else call?.reject(new Error(error));
}

/** What can travel as JSON; what cannot, as text. */
function plain(value) {
  if (value === undefined) return undefined;
  if (isNativeError(value)) return value.stack ?? String(value);
  try {
    const text = JSON.stringify(value, (_, part) => (typeof part === "bigint" ? String(part) : part));
    return text === undefined ? String(value) : JSON.parse(text);
  } catch {
    return String(value);
  }
}

for (const [method, level] of [
  ["log", "log"],
  ["info", "log"],
  ["warn", "warn"],
  ["error", "error"],
  ["debug", "debug"],
]) {
  console[method] = (...values) => void send({ type: "log", level, data: values.length === 1 ? plain(values[0]) : values.map(plain) });
}

async function execute({ code, tools }) {
  const AsyncFunction = (async () => undefined).constructor;
  const usable = tools.filter(({ name }) => /^[A-Za-z_$][\w$]*$/.test(name));
  const all = Object.freeze(Object.fromEntries(tools.map((each) => [each.name, tool(each)])));
  try {
    const run = new AsyncFunction("tools", ...usable.map(({ name }) => name), code);
    const value = await run(all, ...usable.map(({ name }) => all[name]));
    await send({ type: "result", data: plain(value) });
  } catch (error) {
    await send({ type: "error", error: isNativeError(error) ? error.message : String(error) });
  }
  // What the code left running does not keep the sandbox waiting.
  process.disconnect();
  process.exit(0);
}

process.on("message", (message) => {
  if (message.type === "execute") void execute(message);
  else if (message.type === "tool_result") settle(message);
});
process.send({ type: "ready" });
