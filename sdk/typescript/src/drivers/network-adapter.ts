/**
 * Network adapters: the interface of the first generation, and the default one.
 *
 * The default adapter refuses addresses that are not public (loopback, private, link-local …): the address that was checked is the address that
 * is connected to, for every redirect anew.
 */
import { lookup as lookupName, type LookupAddress } from "node:dns";
import * as http from "node:http";
import * as https from "node:https";
import { BlockList, isIP, type LookupFunction } from "node:net";
import type { Duplex } from "node:stream";

import { CenoteError, OptionError } from "../errors.js";

/** Options of one request. */
export interface NetworkRequestOptions {
  /** Default `GET`. */
  method?: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array | null;
}

/** An answer. */
export interface NetworkResponse {
  status: number;
  statusText: string;
  /** By lower-case name. */
  headers: Record<string, string>;
  body: string | Uint8Array;
  /** After redirects. */
  url?: string;
  redirected?: boolean;
  ok?: boolean;
}

/** Where a guest connects. */
export interface NetworkConnectTarget {
  /** The name that `dnsLookup` gave the address for; the address when the guest named that itself. */
  hostname: string;
  address: string;
  port: number;
}

/** The far end of a guest's connection: a socket or other duplex stream of Node, or a pair of web streams. */
export type NetworkConnection = Duplex | { readable: ReadableStream<Uint8Array>; writable: WritableStream<Uint8Array> };

/**
 * What guests' network goes to, in place of the host's. Asked for what the `network` permission lets through. A guest's connections are taken for
 * HTTP, within TLS or without (the machine trusts an authority of its own for all hosts then), unless `connect` takes them.
 */
export interface NetworkAdapter {
  /** A request of a guest's `fetch`; redirects may be followed. An encoding of the body is undone. */
  fetch(url: string, options: NetworkRequestOptions): Promise<NetworkResponse>;
  /** The address of a name, or what went wrong: `{ error, code: "ENOTFOUND" }`. */
  dnsLookup(hostname: string): Promise<{ address: string; family: number } | { error: string; code: string }>;
  /** Any other request of HTTP; redirects are not followed. */
  httpRequest(url: string, options: NetworkRequestOptions): Promise<NetworkResponse>;
  /** A connection as bytes both ways; `undefined` when it is to be taken for HTTP. Default: all are. */
  connect?(target: NetworkConnectTarget): Promise<NetworkConnection | undefined> | NetworkConnection | undefined;
}

const MAX_REDIRECTS = 20;
/** Bytes of an answer's body that are taken. */
const BODY_LIMIT = 64 << 20;

const notPublic = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
] as const) {
  notPublic.addSubnet(network, prefix, "ipv4");
}
for (const [network, prefix] of [
  ["::", 96],
  ["64:ff9b::", 96],
  ["64:ff9b:1::", 48],
  ["100::", 64],
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["fc00::", 7],
  ["fe80::", 10],
  ["ff00::", 8],
] as const) {
  notPublic.addSubnet(network, prefix, "ipv6");
}

/** Whether guests may reach an address: it is public, or an exempt port on loopback. */
function permitted(address: string, port: number, exempt: ReadonlySet<number>): boolean {
  const family = isIP(address);
  if (family === 0) return false;
  if (exempt.has(port) && (address === "::1" || (family === 4 && address.startsWith("127.")))) return true;
  if (family === 4) return !notPublic.check(address, "ipv4");
  // IPv4 in the spelling of IPv6, which URL writes as ::ffff:7f00:1: whoever means a public address can write it plainly.
  const mapped = new URL(`http://[${address.replace(/%.*/, "")}]/`).hostname.startsWith("[::ffff:");
  return !mapped && !notPublic.check(address, "ipv6");
}

const defaults = new WeakMap<object, readonly number[]>();

/** @internal The exempt ports of the built-in adapter, which the sidecar knows how to be itself; undefined for another. */
export function defaultAdapterPorts(adapter: NetworkAdapter | undefined): readonly number[] | undefined {
  return adapter === undefined ? undefined : defaults.get(adapter);
}

/**
 * The built-in adapter: requests and name lookups on the host's network, to public addresses only. `loopbackExemptPorts` may be reached on
 * loopback too. What a machine may reach of it, its `network` permission decides.
 */
export function createDefaultNetworkAdapter(options: { loopbackExemptPorts?: readonly number[] } = {}): NetworkAdapter {
  const exempt = new Set(options.loopbackExemptPorts);
  const adapter: NetworkAdapter = {
    fetch: (url, request) => follow(url, request, exempt),
    httpRequest: (url, request) => once(new URL(url), request, exempt),
    dnsLookup: (hostname) =>
      new Promise((resolve) =>
        lookupName(hostname, (error, address, family) =>
          resolve(error === null ? { address, family } : { error: error.message, code: error.code ?? "ENOTFOUND" }),
        ),
      ),
  };
  defaults.set(adapter, [...exempt]);
  return adapter;
}

async function follow(url: string, request: NetworkRequestOptions, exempt: ReadonlySet<number>): Promise<NetworkResponse> {
  let target = new URL(url);
  let current = request;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
    const response = await once(target, current, exempt);
    const location = response.headers["location"];
    if (![301, 302, 303, 307, 308].includes(response.status) || location === undefined) {
      return { ...response, redirected: redirects > 0 };
    }
    const next = new URL(location, target);
    current = redirected(current, response.status, next.origin === target.origin);
    target = next;
  }
  throw new CenoteError("TOO_MANY_REDIRECTS", `${url} redirects more than ${MAX_REDIRECTS} times`);
}

/** The request after a redirect, as the Fetch standard has it. */
function redirected(request: NetworkRequestOptions, status: number, sameOrigin: boolean): NetworkRequestOptions {
  const method = (request.method ?? "GET").toUpperCase();
  const toGet = (status === 303 && method !== "HEAD") || ((status === 301 || status === 302) && method === "POST");
  const dropped = new Set([
    ...(toGet ? ["content-length", "content-type", "content-encoding", "content-language", "content-location"] : []),
    ...(sameOrigin ? [] : ["authorization", "cookie", "proxy-authorization", "host"]),
  ]);
  const headers = Object.fromEntries(Object.entries(request.headers ?? {}).filter(([name]) => !dropped.has(name.toLowerCase())));
  return toGet ? { method: "GET", headers } : { ...request, headers };
}

/** Resolves names and lets through only addresses that may be connected to: what is checked is what is connected to. */
function guardedLookup(port: number, exempt: ReadonlySet<number>): LookupFunction {
  return (hostname, options, callback) => {
    lookupName(hostname, { ...options, all: true }, (error: NodeJS.ErrnoException | null, found: LookupAddress[]) => {
      if (error !== null) return callback(error, "", 0);
      const allowed = found.filter(({ address }) => permitted(address, port, exempt));
      const [first] = allowed;
      if (first === undefined) return callback(refusal(hostname), "", 0);
      if (options.all === true) return callback(null, allowed);
      callback(null, first.address, first.family);
    });
  };
}

function refusal(hostname: string): NodeJS.ErrnoException {
  return new CenoteError("EACCES", `${hostname} is not a public address; loopbackExemptPorts names ports that may be reached on loopback`, {
    option: "loopbackExemptPorts",
  });
}

function once(url: URL, request: NetworkRequestOptions, exempt: ReadonlySet<number>): Promise<NetworkResponse> {
  if (url.protocol !== "http:" && url.protocol !== "https:") throw new OptionError("url", `${url.protocol} is neither http: nor https:`);
  const secure = url.protocol === "https:";
  const port = Number(url.port || (secure ? 443 : 80));
  const host = url.hostname.replace(/^\[|\]$/g, "");
  // A literal address is never looked up.
  if (isIP(host) !== 0 && !permitted(host, port, exempt)) return Promise.reject(refusal(host));
  return new Promise((resolve, reject) => {
    const send = secure ? https.request : http.request;
    const outgoing = send(url, {
      method: request.method ?? "GET",
      headers: request.headers ?? {},
      lookup: guardedLookup(port, exempt),
      // A connection of its own: one that is reused was checked by other rules.
      agent: false,
    });
    outgoing.once("error", reject);
    outgoing.once("response", (incoming) => {
      const chunks: Buffer[] = [];
      let size = 0;
      incoming.on("data", (chunk: Buffer) => {
        size += chunk.byteLength;
        if (size > BODY_LIMIT) incoming.destroy(new CenoteError("BODY_TOO_LARGE", `the answer's body is over ${BODY_LIMIT} bytes`));
        else chunks.push(chunk);
      });
      incoming.once("error", reject);
      incoming.once("end", () => resolve(response(url, incoming, Buffer.concat(chunks))));
    });
    outgoing.end(request.body ?? undefined);
  });
}

function response(url: URL, incoming: http.IncomingMessage, body: Buffer): NetworkResponse {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  const status = incoming.statusCode ?? 0;
  return {
    status,
    statusText: incoming.statusMessage ?? "",
    headers,
    body: body.toString("utf8"),
    url: url.href,
    redirected: false,
    ok: status >= 200 && status < 300,
  };
}
