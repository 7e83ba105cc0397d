/** Network calls of guests, answered by the embedder's adapter. */
import { isUtf8 } from "node:buffer";
import { isIP } from "node:net";
import { Duplex } from "node:stream";

import { concat, toBytes, toText } from "../bytes.js";
import { CenoteError } from "../errors.js";
import { DataChannel, type HostConnect, type HttpCall, type NetworkCall } from "../gen/cenote/v1/host_pb.js";
import type { NetworkAdapter } from "../drivers/network-adapter.js";
import type { Reply } from "./answers.js";
import type { Exchange } from "./exchange.js";

/** Bytes of a guest's request body that are taken. */
const BODY_LIMIT = 64 << 20;

/** Answers one call. */
export async function answerNetwork(adapter: NetworkAdapter, call: NetworkCall["call"], exchange: Exchange, reply: Reply): Promise<void> {
  switch (call.case) {
    case "resolve": {
      const answer = await adapter.dnsLookup(call.value.hostname);
      if ("error" in answer) throw new CenoteError(answer.code, answer.error);
      const wanted = call.value.family === 0 || isIP(answer.address) === call.value.family;
      return reply({ case: "network", value: { result: { case: "addresses", value: { addresses: wanted ? [answer.address] : [] } } } });
    }
    case "http":
      return request(adapter, call.value, exchange, reply);
    case "connect":
      return connect(adapter, call.value, exchange, reply);
    default:
      throw new CenoteError("ENOSYS", "this version of the package does not know the call");
  }
}

/** Carries a connection until both directions have ended, or the guest does not want it any more. */
async function connect(adapter: NetworkAdapter, call: HostConnect, exchange: Exchange, reply: Reply): Promise<void> {
  const { address, port, names } = call;
  const made = await adapter.connect?.({ hostname: names.at(-1) ?? address, address, port });
  if (made === undefined) throw new CenoteError("EPROTONOSUPPORT", "the network adapter takes connections for HTTP");
  const { readable, writable } = made instanceof Duplex ? (Duplex.toWeb(made) as { readable: ReadableStream<Uint8Array>; writable: WritableStream<Uint8Array> }) : made;
  const writer = writable.getWriter();
  const reader = readable.getReader();
  let guestEnded: () => void = () => undefined;
  let breakOff: (error: Error) => void = () => undefined;
  const ended = new Promise<void>((resolve) => (guestEnded = resolve));
  const broken = new Promise<never>((_, reject) => (breakOff = reject));
  exchange.onData = async (bytes, end) => {
    if (bytes.byteLength > 0) await writer.write(bytes);
    if (!end) return;
    await writer.close();
    guestEnded();
  };
  exchange.onCancel = () => {
    breakOff(new CenoteError("ECANCELED", "the guest does not want the connection any more"));
    exchange.close();
  };
  const back = async (): Promise<void> => {
    for (let next = await reader.read(); !next.done; next = await reader.read()) await exchange.send(DataChannel.UNSPECIFIED, toBytes(next.value));
    exchange.finish(DataChannel.UNSPECIFIED);
  };
  reply({ case: "network", value: { result: { case: "connected", value: {} } } });
  try {
    await Promise.race([Promise.all([back(), ended]), broken]);
  } catch (error) {
    await Promise.allSettled([reader.cancel(error), writer.abort(error)]);
    throw error;
  }
}

async function request(adapter: NetworkAdapter, call: HttpCall, exchange: Exchange, reply: Reply): Promise<void> {
  const body = await wholeBody(exchange);
  const headers: Record<string, string> = {};
  for (const { name, value } of call.headers) headers[name] = Buffer.from(value).toString("latin1");
  const options = { method: call.method, headers, body: body.byteLength === 0 ? null : textOrBytes(body) };
  const answer = await (call.isFetch ? adapter.fetch(call.url, options) : adapter.httpRequest(call.url, options));
  const content = toBytes(answer.body);
  reply({
    case: "network",
    value: {
      result: {
        case: "response",
        value: {
          head: {
            status: answer.status,
            statusText: answer.statusText,
            headers: Object.entries(withoutUndone(answer.headers, content)).map(([name, value]) => ({ name, value: new Uint8Array(Buffer.from(value, "latin1")) })),
          },
          url: answer.url ?? call.url,
          redirected: answer.redirected ?? false,
        },
      },
    },
  });
  await exchange.send(DataChannel.UNSPECIFIED, content);
  exchange.finish(DataChannel.UNSPECIFIED);
}

/** Headers without an encoding that the adapter has undone, as `fetch` of Node does while it leaves the header: bytes packed by gzip begin so. */
function withoutUndone(headers: Record<string, string>, body: Uint8Array): Record<string, string> {
  const isPacked = body[0] === 0x1f && body[1] === 0x8b;
  return isPacked ? headers : Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== "content-encoding"));
}

/** The guest's body; its last frame says so. */
function wholeBody(exchange: Exchange): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    exchange.onData = (bytes, end) => {
      size += bytes.byteLength;
      if (size > BODY_LIMIT) return reject(new CenoteError("EMSGSIZE", `the request's body is over ${BODY_LIMIT} bytes`));
      chunks.push(bytes);
      if (end) resolve(concat(chunks));
    };
    exchange.onCancel = () => reject(new CenoteError("ECANCELED", "the guest does not want the answer any more"));
  });
}

/** Text where the bytes are text, as most adapters expect it. */
function textOrBytes(bytes: Uint8Array): string | Uint8Array {
  return isUtf8(bytes) ? toText(bytes) : bytes;
}
