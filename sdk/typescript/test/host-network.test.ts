/** Network adapters of the embedder, as guests on a real sidecar meet them. */
import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { test } from "node:test";

import {
  createNodeDriver,
  createNodeRuntimeDriverFactory,
  NodeRuntime,
  type NetworkAccessRequest,
  type NetworkAdapter,
  type NetworkRequestOptions,
  type NodeDriverOptions,
} from "../src/index.js";

function runtime(driver: NodeDriverOptions): NodeRuntime {
  return new NodeRuntime({ systemDriver: createNodeDriver(driver), runtimeDriverFactory: createNodeRuntimeDriverFactory() });
}

/** Answers with what it was asked. */
function adapter(over: Partial<NetworkAdapter> = {}): NetworkAdapter & { asked: string[] } {
  const asked: string[] = [];
  const tell = (how: string) => async (url: string, { method, body }: NetworkRequestOptions) => {
    asked.push(`${how} ${method} ${url}`);
    if (url.endsWith("/fails")) throw new Error("no such host today");
    return {
      status: 200,
      statusText: "Fine",
      // As Node's own fetch answers when it has unpacked a body.
      headers: { "content-encoding": "gzip", "x-how": how },
      body: `${how} ${url} ${body === null || body === undefined ? 0 : body.length}`,
    };
  };
  return {
    asked,
    fetch: tell("fetch"),
    httpRequest: tell("httpRequest"),
    dnsLookup: async (name) => (name.endsWith(".test") ? { address: "127.0.0.1", family: 4 } : { error: "unknown", code: "ENOTFOUND" }),
    ...over,
  };
}

test("requests and names of guests are answered by the adapter, within TLS too", async () => {
  const network = adapter();
  await using rt = runtime({ networkAdapter: network, permissions: { network: true } });
  const out = await rt.exec(`
    for (const url of ["http://api.test/a?b=c", "https://api.test/d"]) {
      const response = await fetch(url, { method: "PUT", body: "x".repeat(500_000) });
      console.log(response.status, response.statusText, response.headers.get("x-how"), await response.text());
    }
    require("https").get("https://api.test/e", async (response) => {
      let text = "";
      for await (const chunk of response) text += chunk;
      console.log(text);
    });
    console.log((await require("dns").promises.lookup("api.test")).address);
    console.log(await fetch("http://elsewhere.example/").catch((error) => error.cause.code));
    console.log(await fetch("http://api.test/fails").catch((error) => error.message));
  `);
  assert.equal(
    out.stdout.split("\n").sort().join("\n").trim(),
    [
      "127.0.0.1",
      "200 Fine fetch fetch http://api.test/a?b=c 500000",
      "200 Fine fetch fetch https://api.test/d 500000",
      "ENOTFOUND",
      "fetch failed",
      "httpRequest https://api.test/e 0",
    ].join("\n"),
    out.stderr,
  );
});

test("the permission is asked first, with the URL, and what it refuses never reaches the adapter", async () => {
  const network = adapter();
  const requests: NetworkAccessRequest[] = [];
  await using rt = runtime({
    networkAdapter: network,
    permissions: {
      network: async (request) => {
        requests.push(request);
        return { allow: request.hostname === "good.test" && !request.url?.endsWith("/secret"), reason: "not this" };
      },
    },
  });
  const out = await rt.exec(`
    console.log((await fetch("http://good.test/open")).status, (await fetch("http://good.test/secret")).status);
    console.log(await fetch("http://bad.test/").catch((error) => error.cause.code));
  `);
  assert.equal(out.stdout, "200 403\nENOTFOUND\n", out.stderr);
  assert.deepEqual(network.asked, ["fetch GET http://good.test/open"]);
  const asked = requests.find(({ op }) => op === "fetch");
  assert.deepEqual([asked?.hostname, asked?.method, asked?.url, asked?.port], ["good.test", "GET", "http://good.test/open", 80]);
  assert.ok(requests.some(({ op, hostname }) => op === "dns" && hostname === "bad.test"));
});

test("rules as data are looked at before the adapter is asked", async () => {
  const network = adapter();
  await using rt = runtime({
    networkAdapter: network,
    permissions: {
      network: {
        default: "deny",
        rules: [
          { mode: "allow", patterns: ["*.good.test"] },
          { mode: "deny", operations: ["http"], patterns: ["mute.good.test"], reason: "nothing to say" },
        ],
      },
    },
  });
  const out = await rt.exec(`
    console.log((await fetch("http://a.good.test/")).status);
    const mute = await fetch("http://mute.good.test/");
    console.log(mute.status, (await mute.text()).trim());
    console.log(await fetch("http://bad.test/").catch((error) => error.cause.code));
  `);
  assert.equal(out.stdout, "200\n403 the permission `network` refuses it: nothing to say\nENOTFOUND\n", out.stderr);
  assert.deepEqual(network.asked, ["fetch GET http://a.good.test/"]);
});

test("without the permission there is no network, whatever the adapter would answer", async () => {
  const network = adapter();
  await using rt = runtime({ networkAdapter: network });
  const out = await rt.exec(`console.log(await fetch("http://api.test/").catch((error) => error.cause.code))`);
  assert.notEqual(out.stdout, "undefined\n", out.stderr);
  assert.deepEqual(network.asked, []);
});

test("connections are carried as bytes where the adapter takes them", async () => {
  let gone: () => void = () => undefined;
  const left = new Promise<void>((resolve) => (gone = resolve));
  const network = adapter({
    connect({ hostname, port }) {
      if (port === 80) return undefined;
      if (port === 13) return Promise.reject(Object.assign(new Error("nobody"), { code: "EHOSTUNREACH" }));
      const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>({
        start: (controller) => controller.enqueue(new TextEncoder().encode(`${hostname}:${port} `)),
      });
      if (port === 7) return { readable, writable };
      // It says nothing, and hears when the guest goes.
      const silent = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
      silent.once("close", gone);
      return silent;
    },
  });
  await using rt = runtime({ networkAdapter: network, permissions: { network: true } });
  const out = await rt.exec(`
    const net = require("net");
    const talk = (port) => new Promise((done) => {
      let got = "";
      const socket = net.connect(port, "echo.test");
      socket.on("data", (chunk) => (got += chunk)).on("error", (error) => done(error.code)).on("end", () => done(got.length + got.slice(0, 14)));
      socket.end("y".repeat(700_000));
    });
    console.log(await talk(7), await talk(13));
    console.log((await fetch("http://echo.test/")).status);
    const silent = net.connect(9, "echo.test", () => silent.destroy());
  `);
  assert.equal(out.stdout, "700012echo.test:7 yy EHOSTUNREACH\n200\n", out.stderr);
  await left;
});
