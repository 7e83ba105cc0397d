/** The built-in network adapter: what it lets through, and what it refuses. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";

import { createDefaultNetworkAdapter } from "../src/index.js";

test("exempt loopback ports are reached, redirects followed, other ports and private addresses refused", async (t) => {
  const other = createServer((_, response) => response.end("secret")).listen(0, "127.0.0.1");
  const server = createServer((request, response) => {
    if (request.url === "/away") response.writeHead(302, { location: `http://127.0.0.1:${(other.address() as AddressInfo).port}/` }).end();
    else if (request.url === "/again") response.writeHead(302, { location: "/" }).end();
    else response.end(`hello ${request.method}`);
  }).listen(0, "127.0.0.1");
  t.after(() => {
    server.close();
    other.close();
  });
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  const adapter = createDefaultNetworkAdapter({ loopbackExemptPorts: [port] });

  const answer = await adapter.fetch(`http://localhost:${port}/again`, { method: "POST", body: "x" });
  assert.deepEqual([answer.status, answer.body, answer.redirected], [200, "hello GET", true]);
  const once = await adapter.httpRequest(`http://127.0.0.1:${port}/again`, {});
  assert.equal(once.status, 302);

  await assert.rejects(adapter.fetch(`http://localhost:${port}/away`, {}), { code: "EACCES" });
  for (const url of ["http://127.0.0.1:1/", "http://10.0.0.1/", "http://[::1]:1/", "http://169.254.169.254/latest", "http://[::ffff:7f00:1]:1/", "http://0x7f000001:1/"]) {
    await assert.rejects(adapter.fetch(url, {}), { code: "EACCES" }, url);
  }
  await assert.rejects(createDefaultNetworkAdapter().fetch(`http://localhost:${port}/`, {}), { code: "EACCES" });
});

test("names that are not there have a code", async () => {
  const answer = await createDefaultNetworkAdapter().dnsLookup("nothing.invalid");
  assert.ok("error" in answer);
  assert.ok(["ENOTFOUND", "EAI_AGAIN"].includes(answer.code), answer.code);
});
