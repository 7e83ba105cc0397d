/** What listens in a machine. */
import { OptionError, TimeoutError } from "../errors.js";
import type { Listener as WireListener } from "../gen/cenote/v1/network_pb.js";
import type { Machine } from "../machine.js";

/** Milliseconds to wait for a listener, unless told otherwise. */
const WAIT = 10_000;

/** Which listener is meant. */
export interface ListenerQuery {
  /** Its TCP port. */
  port?: number;
  /** The address it listens on. Default: any. */
  host?: string;
  /** Its path, for a Unix socket: then it has no port. */
  path?: string;
}

/** A listening socket of the machine. */
export interface Listener {
  /** The process that holds it, where that is known. */
  processId?: number;
  /** The address it listens on. */
  host?: string;
  /** Its port, for TCP. */
  port?: number;
  /** Its path, for a Unix socket. */
  path?: string;
}

/** @internal Waits until something listens. */
export async function waitForListener(
  machine: Machine,
  query: ListenerQuery,
  options: { timeoutMs?: number; signal?: AbortSignal },
): Promise<Listener> {
  const port = checked(query);
  const timeoutMs = options.timeoutMs ?? WAIT;
  try {
    const found = await machine.call(
      (connect) =>
        machine.link.network.waitForListener(
          { port, host: query.host ?? "", path: query.path ?? "", timeoutMs: BigInt(Math.max(1, Math.ceil(timeoutMs))) },
          connect,
        ),
      options.signal,
    );
    return fromWire(found);
  } catch (error) {
    if (!(error instanceof TimeoutError)) throw error;
    throw new TimeoutError(`nothing listens on ${query.path ?? `port ${port}`} of the machine ${machine.id} after ${timeoutMs} ms`, {
      vm: machine.id,
      option: "timeoutMs",
      cause: error,
    });
  }
}

/** @internal What listens now. */
export async function listeners(machine: Machine): Promise<Listener[]> {
  const reply = await machine.call((options) => machine.link.network.listListeners({}, options));
  return reply.listeners.map(fromWire);
}

/** @internal The first listener that a query means, or `null`. */
export async function findListener(machine: Machine, query: ListenerQuery): Promise<Listener | null> {
  const port = checked(query);
  const found = (await listeners(machine)).find(
    (listener) =>
      (port === 0 || listener.port === port) &&
      (query.host === undefined || listener.host === query.host) &&
      (query.path === undefined || listener.path === query.path),
  );
  return found ?? null;
}

function checked(query: ListenerQuery): number {
  const port = query.port ?? 0;
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new OptionError("port", `${String(port)} is no port`);
  return port;
}

function fromWire({ address, port, pid, path }: WireListener): Listener {
  const where = path !== "" ? { path } : { host: address, port };
  return { ...(pid === 0 ? {} : { processId: pid }), ...where };
}
