// Runs in the machine: starts worker.js, and carries what it says to the embedder, a line of JSON a message, over its own standard streams.
// The code has a process of its own, so that what it writes to its standard streams is never taken for a message.
import { fork } from "node:child_process";
import { createInterface } from "node:readline";

const tell = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const worker = fork(new URL("./worker.js", import.meta.url), [], { stdio: ["ignore", "pipe", "pipe", "ipc"] });

for (const channel of ["stdout", "stderr"]) {
  worker[channel].setEncoding("utf8").on("data", (text) => tell({ type: channel, data: text }));
}
worker.on("message", tell);
// `close` comes after the last of its output.
worker.on("close", (code, signal) => {
  tell({ type: "exit", code, signal });
  process.stdin.destroy();
});
createInterface({ input: process.stdin }).on("line", (line) => {
  if (worker.connected) worker.send(JSON.parse(line));
});
