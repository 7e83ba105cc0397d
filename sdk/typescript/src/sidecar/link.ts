/**
 * The connection to a sidecar: gRPC over one HTTP/2 session, clients of every service, and what keeps the process alive.
 *
 * The socket counts as an open handle only while somebody awaits something of it ({@link Link.hold}); a finished script ends although
 * machines are live.
 */
import { connect as connectSocket, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import { createClient, type Client, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";

import { SidecarError } from "../errors.js";
import { Files } from "../gen/cenote/v1/files_pb.js";
import { HostChannel } from "../gen/cenote/v1/host_pb.js";
import { Network } from "../gen/cenote/v1/network_pb.js";
import { Processes } from "../gen/cenote/v1/processes_pb.js";
import { Terminals } from "../gen/cenote/v1/terminals_pb.js";
import { Vms } from "../gen/cenote/v1/vms_pb.js";
import { failure } from "./failure.js";

/** Largest message of the contract, in bytes. */
export const MESSAGE_LIMIT = 16 << 20;
/** Bytes a stream may send before it is read. */
const STREAM_WINDOW = 1 << 20;

/** Where a sidecar listens. */
export type Address =
  | { readonly socket: string }
  | { readonly host: string; readonly port: number; readonly token?: string; readonly tls?: ConnectionOptions | false };

/** A connection to a sidecar. */
export class Link {
  readonly vms: Client<typeof Vms>;
  readonly processes: Client<typeof Processes>;
  readonly files: Client<typeof Files>;
  readonly network: Client<typeof Network>;
  readonly terminals: Client<typeof Terminals>;
  readonly hostChannel: Client<typeof HostChannel>;
  readonly #manager: Http2SessionManager;
  #socket: { ref(): void; unref(): void; readonly isLost: boolean; readonly cause: unknown } | undefined;
  #holds = 0;
  #gone: SidecarError | undefined;

  /** `opened` is called when the connection is there. */
  constructor(address: Address, opened: () => void = () => undefined) {
    const encrypted = !("socket" in address) && address.tls !== false;
    const baseUrl = encrypted ? `https://${address.host}:${address.port}` : "http://cenote";
    this.#manager = new Http2SessionManager(
      baseUrl,
      { idleConnectionTimeoutMs: Number.MAX_SAFE_INTEGER },
      {
        createConnection: () => this.#open(address).once("connect", opened),
        settings: { initialWindowSize: STREAM_WINDOW, enablePush: false },
        // Calls wait for a free stream otherwise, until the server has said how many it takes.
        peerMaxConcurrentStreams: 10_000,
      },
    );
    const transport = createGrpcTransport({
      baseUrl,
      sessionManager: this.#manager,
      readMaxBytes: MESSAGE_LIMIT + (1 << 16),
      writeMaxBytes: MESSAGE_LIMIT,
      interceptors: "socket" in address || address.token === undefined ? [] : [bearer(address.token)],
    });
    this.vms = createClient(Vms, transport);
    this.processes = createClient(Processes, transport);
    this.files = createClient(Files, transport);
    this.network = createClient(Network, transport);
    this.terminals = createClient(Terminals, transport);
    this.hostChannel = createClient(HostChannel, transport);
  }

  #open(address: Address): Socket {
    const socket =
      "socket" in address
        ? connectSocket(address.socket)
        : address.tls === false
          ? connectSocket(address.port, address.host)
          : connectTls({ ...address.tls, host: address.host, port: address.port, ALPNProtocols: ["h2"] });
    let cause: unknown;
    socket.once("error", (error) => (cause = error));
    const real = {
      ref: socket.ref.bind(socket),
      unref: socket.unref.bind(socket),
      get isLost() {
        return socket.destroyed;
      },
      get cause() {
        return cause;
      },
    };
    // HTTP/2 sessions count open streams as handles; here it is `hold` that counts.
    socket.ref = () => socket;
    socket.unref = () => socket;
    if (this.#holds === 0) real.unref();
    socket.once("close", () => this.#lost(cause));
    this.#socket = real;
    return socket;
  }

  /** Keeps the process alive until the function returned is called (once; later calls do nothing). */
  hold(): () => void {
    this.#holds += 1;
    if (this.#holds === 1) this.#socket?.ref();
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#holds -= 1;
      if (this.#holds === 0) this.#socket?.unref();
    };
  }

  /** Makes a call: keeps the process alive meanwhile, and turns failures into this package's errors. */
  async call<T>(vm: string | undefined, make: () => Promise<T>): Promise<T> {
    if (this.gone) throw this.failure(this.gone, vm);
    const release = this.hold();
    try {
      return await make();
    } catch (error) {
      throw this.failure(error, vm);
    } finally {
      release();
    }
  }

  /** The typed error of a failed call on this connection. */
  failure(error: unknown, vm?: string): unknown {
    const typed = failure(error, vm);
    const { gone } = this;
    if (gone === undefined || !(typed instanceof SidecarError) || typed.code !== "SIDECAR_GONE") return typed;
    // Each call has an error of its own: it names its machine, and where it was made.
    return new SidecarError(gone.code, gone.message, { ...(vm === undefined ? {} : { vm }), cause: gone.cause });
  }

  /** Why no call can be made any more. */
  get gone(): SidecarError | undefined {
    if (this.#socket?.isLost) this.#lost(this.#socket.cause);
    return this.#gone;
  }

  /** The connection is not opened again: machines belong to the process that was at its other end. */
  #lost(cause?: unknown): void {
    this.end(new SidecarError("SIDECAR_GONE", `the connection to the sidecar ended${reason(cause)}`, { cause }));
  }

  /** Ends all calls with `error`; none can be made after. */
  end(error: SidecarError): void {
    if (this.#gone) return;
    this.#gone = error;
    this.#manager.abort(error);
  }

  /** Opens the connection. */
  async open(): Promise<void> {
    await this.call(undefined, async () => {
      if ((await this.#manager.connect()) === "error") throw this.#manager.error();
    });
  }
}

/** What a socket's error says: of a name with several addresses, what each of them said. */
function reason(cause: unknown): string {
  if (cause instanceof AggregateError) return `: ${cause.errors.map((error) => (error instanceof Error ? error.message : String(error))).join(", ")}`;
  return cause instanceof Error ? `: ${cause.message}` : "";
}

function bearer(token: string): Interceptor {
  return (next) => (request) => {
    request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
}

