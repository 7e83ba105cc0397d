/** Ports of the host that lead into a machine: this process listens, and each connection is a byte stream to the machine's port. */
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { MessageInitShape } from "@bufbuild/protobuf";

import { pieces } from "../bytes.js";
import type { ConnectRequestSchema } from "../gen/cenote/v1/network_pb.js";
import type { Machine } from "../machine.js";

/** Bytes sent at once. */
const CHUNK = 64 << 10;

/** A port of the host that leads into a machine. */
export interface PortForward extends AsyncDisposable {
  /** The address on the host. */
  readonly host: string;
  /** The port on the host. */
  readonly port: number;
  /** Stops listening, and ends open connections. */
  close(): Promise<void>;
}

/** @internal Listens on the host and carries connections to a port of the machine, until closed or the machine ends. */
export async function forwardPort(machine: Machine, port: number, options: { host?: string; hostPort?: number }): Promise<PortForward> {
  machine.check();
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    socket.on("error", () => socket.destroy());
    void carry(machine, port, socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.hostPort ?? 0, options.host ?? "127.0.0.1", resolve);
  });
  // As servers do, it keeps the process alive: somebody may still come.
  const close = (): Promise<void> => end(server, open);
  machine.beforeEnd(close);
  const address = server.address() as AddressInfo;
  return { host: address.address, port: address.port, close, [Symbol.asyncDispose]: close };
}

function end(server: Server, open: Set<Socket>): Promise<void> {
  for (const socket of open) socket.destroy();
  return new Promise((resolve) => server.close(() => resolve()));
}

/** One connection, to the end of both directions; each waits for who reads it. */
async function carry(machine: Machine, port: number, socket: Socket): Promise<void> {
  const stop = new AbortController();
  socket.once("close", () => stop.abort());
  async function* outgoing(): AsyncGenerator<MessageInitShape<typeof ConnectRequestSchema>> {
    yield { message: { case: "target", value: { port } } };
    for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      for (const piece of pieces(chunk, CHUNK)) yield { message: { case: "data", value: piece as Uint8Array<ArrayBuffer> } };
    }
  }
  const release = machine.link.hold();
  try {
    for await (const { message } of machine.link.network.tunnel(outgoing(), machine.with({ signal: stop.signal }))) {
      if (message.case === "data" && !socket.write(message.value)) {
        await new Promise<void>((resolve) => {
          socket.once("drain", resolve);
          socket.once("close", resolve);
        });
      }
    }
    socket.end();
  } catch {
    // Nobody listens in the machine, or the connection broke: who is at the other end sees it end.
    socket.destroy();
  } finally {
    release();
  }
}
