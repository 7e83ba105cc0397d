/** HTTP requests from the embedder to servers in a machine. They never leave it, and need no permission of the guest's. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { CallOptions as ConnectOptions } from "@connectrpc/connect";

import { concat, pieces, toBytes, toText } from "../bytes.js";
import { CenoteError, OptionError } from "../errors.js";
import type { FetchRequestSchema, FetchResponse as WireResponse, FetchResponseHead } from "../gen/cenote/v1/network_pb.js";
import { wholeNumber } from "../limits.js";
import type { Machine } from "../machine.js";
import { checkSource, Messages } from "../source.js";

type Outgoing = MessageInitShape<typeof FetchRequestSchema>;

/** Bytes sent at once. */
const CHUNK = 64 << 10;
/** Bytes of a body that are kept when it is not read as a stream, unless the request says otherwise. */
const BODY_LIMIT = 64 << 20;

/** A request to a server in the machine. */
export interface FetchInput {
  /** Default `GET`. */
  method?: string;
  /** Path and query. Default `/`. */
  path?: string;
  /** Header fields; `host` is `localhost:<port>` unless given. */
  headers?: Record<string, string> | Headers | Iterable<readonly [string, string]>;
  /** The body: all of it, or as it comes. */
  body?: string | Uint8Array | AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>;
  /** Where the server listens in the machine. Default `127.0.0.1`. */
  host?: string;
  /** Milliseconds until the head of the answer must be there. Default: no limit. */
  timeout?: number;
  /** Cancels the request when it aborts; the call then rejects with its reason. */
  signal?: AbortSignal;
  /** Bytes of the answer's body that are taken; a longer one is an error. Default 64 MiB. Means nothing for `fetchStream`. */
  maxBodyBytes?: number;
}

/** The answer of a server in the machine, whole. */
export class FetchResponse {
  /** Status code, e.g. 200. */
  readonly status: number;
  /** Status text, e.g. `OK`. */
  readonly statusText: string;
  /** Header fields by lower-case name; several of one name joined with `, `. */
  readonly headers: Record<string, string>;
  /** The body as text; what is not UTF-8 is replaced. */
  readonly body: string;
  readonly #bytes: Uint8Array;
  readonly #list: [string, string][];

  /** @internal */
  constructor(head: FetchResponseHead, bytes: Uint8Array) {
    this.status = head.status;
    this.statusText = head.statusText;
    this.#list = headerList(head);
    this.headers = Object.fromEntries(new Headers(this.#list));
    this.#bytes = bytes;
    this.body = toText(bytes);
  }

  /** Whether the status is 200–299. */
  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  /** The body as bytes. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** All header fields in order, e.g. each `set-cookie` by itself. */
  get headerList(): [string, string][] {
    return this.#list.map(([name, value]) => [name, value]);
  }

  /** The body as JSON. */
  json(): unknown {
    return JSON.parse(this.body);
  }
}

/** @internal Sends a request and takes the whole answer. */
export async function fetchWhole(machine: Machine, port: number, input: FetchInput): Promise<FetchResponse> {
  const limit = input.maxBodyBytes ?? BODY_LIMIT;
  const request = messages(port, input);
  return request.of(() => machine.call((options) => whole(machine, request, limit, options), input.signal));
}

async function whole(machine: Machine, request: AsyncIterable<Outgoing>, limit: number, options: ConnectOptions): Promise<FetchResponse> {
  let head: FetchResponseHead | undefined;
  let size = 0;
  const body: Uint8Array[] = [];
  for await (const { message } of machine.link.network.fetch(request, options)) {
    if (message.case === "head") head = message.value;
    else if (message.case === "body") {
      size += message.value.byteLength;
      if (size > limit) {
        throw new CenoteError("BODY_TOO_LARGE", `the answer's body is over ${limit} bytes; read it with fetchStream`, {
          vm: machine.id,
          option: "maxBodyBytes",
        });
      }
      body.push(message.value);
    }
  }
  if (head === undefined) throw new Error("the sidecar sent no answer");
  return new FetchResponse(head, concat(body));
}

/** @internal Sends a request; the answer's body is a stream, and the server in the machine waits for its reader. */
export async function fetchStream(machine: Machine, port: number, input: FetchInput): Promise<Response> {
  const stop = new AbortController();
  const signal = input.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, input.signal]);
  const request = messages(port, input);
  const answer = async (): Promise<{ head: FetchResponseHead; events: AsyncIterator<WireResponse> }> => {
    const events = machine.link.network.fetch(request, machine.with({ signal }))[Symbol.asyncIterator]();
    const first = await events.next();
    if (first.done || first.value.message.case !== "head") throw new Error("the sidecar sent no answer");
    return { head: first.value.message.value, events };
  };
  const { head, events } = await request.of(() => machine.call(answer, input.signal));
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await request.of(() => machine.call(() => nextBody(events), input.signal));
        if (next === undefined) controller.close();
        else controller.enqueue(next);
      },
      cancel() {
        stop.abort();
      },
    },
    // A body that nobody reads does not keep this process alive.
    { highWaterMark: 0 },
  );
  const { status, statusText } = head;
  const empty = status < 200 || status === 204 || status === 205 || status === 304;
  if (empty) stop.abort();
  return new Response(empty ? null : body, { status: Math.max(200, status), statusText, headers: headerList(head) });
}

async function nextBody(events: AsyncIterator<WireResponse>): Promise<Uint8Array | undefined> {
  for (;;) {
    const next = await events.next();
    if (next.done) return undefined;
    if (next.value.message.case === "body") return next.value.message.value;
  }
}

/** The request's messages. What makes no sense of it is refused before anything is sent. */
function messages(port: number, input: FetchInput): Messages<Outgoing> {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new OptionError("port", `${JSON.stringify(port) ?? String(port)} is no port`);
  const { body } = input;
  if (body !== undefined) checkSource("body", body);
  const head = {
    port,
    method: methodToWire(input.method),
    path: pathToWire(input.path ?? "/"),
    headers: headersToWire(input.headers),
    timeoutMs: BigInt(wholeNumber("timeout", Math.ceil(input.timeout ?? 0))),
    host: input.host ?? "",
  };
  return new Messages(async function* (): AsyncGenerator<Outgoing> {
    yield { message: { case: "head", value: head } };
    if (body === undefined) return;
    const chunks = typeof body === "string" || body instanceof Uint8Array ? [toBytes(body)] : body;
    for await (const chunk of chunks) {
      for (const piece of pieces(toBytes(chunk), CHUNK)) yield { message: { case: "body", value: piece as Uint8Array<ArrayBuffer> } };
    }
  });
}

/** As `fetch` has it: the common methods in any case, all others as they are. */
function methodToWire(method = "GET"): string {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(method)) throw new OptionError("method", `${JSON.stringify(method)} is no HTTP method`);
  const upper = method.toUpperCase();
  return ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"].includes(upper) ? upper : method;
}

/** As URLs write it: what HTTP cannot carry is escaped, and there is no fragment. */
function pathToWire(path: string): string {
  if (typeof path !== "string" || !path.startsWith("/")) throw new OptionError("path", `${JSON.stringify(path)} does not begin with a slash`);
  const { pathname, search } = new URL(`http://localhost${path}`);
  return pathname + search;
}

/** @throws {OptionError} for names and values that HTTP cannot carry: as in `fetch`, a value's characters are bytes. */
function headersToWire(given: FetchInput["headers"] = []): { name: string; value: Uint8Array<ArrayBuffer> }[] {
  const entries: Iterable<readonly [string, string]> = Symbol.iterator in given ? given : Object.entries(given);
  return Array.from(entries, ([name, value]) => {
    const text = String(value);
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) throw new OptionError("headers", `${JSON.stringify(name)} is no name of a header`);
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(text)) throw new OptionError(`headers.${name}`, `HTTP cannot carry ${JSON.stringify(text)}`);
    return { name, value: new Uint8Array(Buffer.from(text, "latin1")) };
  });
}

function headerList(head: FetchResponseHead): [string, string][] {
  return head.headers.map(({ name, value }) => [name, Buffer.from(value).toString("latin1")]);
}
