/** Network calls of guests, answered by the embedder's adapter. */
import { isUtf8 } from "node:buffer";
import { isIP } from "node:net";

import { concat, toText } from "../bytes.js";
import { CenoteError } from "../errors.js";
import { DataChannel, type HttpCall, type NetworkCall } from "../gen/cenote/v1/host_pb.js";
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
    default:
      throw new CenoteError("ECONNREFUSED", "the embedder's network adapter answers HTTP and names, no other connections");
  }
}

async function request(adapter: NetworkAdapter, call: HttpCall, exchange: Exchange, reply: Reply): Promise<void> {
  const body = await wholeBody(exchange);
  const headers: Record<string, string> = {};
  for (const { name, value } of call.headers) headers[name] = Buffer.from(value).toString("latin1");
  const answer = await adapter.fetch(call.url, { method: call.method, headers, body: body.byteLength === 0 ? null : textOrBytes(body) });
  reply({
    case: "network",
    value: {
      result: {
        case: "response",
        value: {
          head: {
            status: answer.status,
            statusText: answer.statusText,
            headers: Object.entries(answer.headers).map(([name, value]) => ({ name, value: new Uint8Array(Buffer.from(value, "latin1")) })),
          },
          url: answer.url ?? call.url,
          redirected: answer.redirected ?? false,
        },
      },
    },
  });
  await exchange.send(DataChannel.UNSPECIFIED, typeof answer.body === "string" ? new TextEncoder().encode(answer.body) : answer.body);
  exchange.finish(DataChannel.UNSPECIFIED);
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
