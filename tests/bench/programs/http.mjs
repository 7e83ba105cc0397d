// An HTTP server and a client, two processes over loopback: 6,000 requests on 8 connections that are kept.
import { spawn } from "node:child_process";
import http from "node:http";

if (process.env.BENCH_HTTP_SERVER) {
  const server = http.createServer((request, response) => {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ path: request.url, ok: true }));
  });
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));
} else {
  const code = process.execArgv.at(process.execArgv.findIndex((flag) => flag === "-e" || flag === "--eval") + 1);
  const server = spawn(process.execPath, ["--input-type=module", "-e", code], {
    env: { ...process.env, BENCH_HTTP_SERVER: "1" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const port = await new Promise((done) => server.stdout.once("data", (text) => done(Number(text))));
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  const get = (path) =>
    new Promise((done, failed) => {
      http
        .get({ agent, port, host: "127.0.0.1", path }, (response) => {
          let text = "";
          response.setEncoding("utf8");
          response.on("data", (chunk) => (text += chunk));
          response.on("end", () => done(text));
        })
        .on("error", failed);
    });
  const round = async (times) => {
    let next = 0;
    const client = async () => {
      while (next < times) {
        const path = `/${next++}`;
        const text = await get(path);
        if (text !== `{"path":"${path}","ok":true}`) throw new Error(`got ${text}`);
      }
    };
    await Promise.all(Array.from({ length: 8 }, client));
  };
  await round(1000);
  const start = process.hrtime.bigint();
  await round(6000);
  const took = process.hrtime.bigint() - start;
  agent.destroy();
  server.kill();
  console.log(String(took));
}
