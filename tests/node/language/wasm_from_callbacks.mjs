// Compiling WebAssembly settles wherever it is begun: in callbacks of the loop, also when nothing else keeps the program alive.
import { readFile } from "node:fs";
import { exec } from "node:child_process";

const bytes = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 97, 100, 100, 0, 0, 10, 9, 1, 7, 0, 32, 0, 32, 1, 106, 11,
]);
const log = [];
const begin = (name) =>
  WebAssembly.instantiate(bytes).then(({ instance }) => log.push(`${name} ${instance.exports.add(1, 2)}`));

await new Promise((done) => setTimeout(() => begin("timeout").then(done), 1));
await new Promise((done) => setImmediate(() => begin("immediate").then(done)));
await new Promise((done) => readFile("/etc/hosts", () => begin("file").then(done)));
await new Promise((done) => exec("true", () => begin("child").then(done)));
const { port1, port2 } = new MessageChannel();
await new Promise((done) => {
  port1.on("message", () => {});
  port1.on("close", () => begin("port").then(done));
  port2.close();
});
process.on("exit", (code) => console.log(log.join("\n"), code));
