// Seed 004, "Driving a guest server". Elided there: the import, making and disposing of the runtime.
import { NodeRuntime } from "cenote";
const rt = await NodeRuntime.create();

const server = await rt.spawn(`
  import http from "node:http";
  http.createServer((_, res) => res.end("ok")).listen(3000);
`);

const listener = await rt.waitForListener({ port: 3000 });
const res = await rt.fetch(listener.port ?? 3000, { path: "/" });
console.log(res.status, res.body); // 200 ok

server.kill();
await server.wait();

await rt.dispose();
