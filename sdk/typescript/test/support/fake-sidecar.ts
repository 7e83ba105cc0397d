/** A sidecar of the test's own: the services of the contract as the test writes them, on a Unix socket. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type ServerHttp2Session } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, ConnectError, type ConnectRouter, type ServiceImpl } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";

import { ErrorDetailSchema } from "../../src/gen/cenote/v1/common_pb.js";
import { Files } from "../../src/gen/cenote/v1/files_pb.js";
import { HostChannel, type HostReply, type HostRequestSchema } from "../../src/gen/cenote/v1/host_pb.js";
import { Processes } from "../../src/gen/cenote/v1/processes_pb.js";
import { Vms, type CreateVmRequest } from "../../src/gen/cenote/v1/vms_pb.js";
import { Queue } from "../../src/queue.js";
import { Sidecar } from "../../src/index.js";
import { REVISION } from "../../src/sidecar/revision.js";
import type { MessageInitShape } from "@bufbuild/protobuf";

export interface FakeSidecar extends AsyncDisposable {
  sidecar: Sidecar;
  /** The machines asked for. */
  created: CreateVmRequest[];
  /** Breaks all connections. */
  breakOff(): void;
}

/** What a test answers instead of the defaults. */
export interface Answers {
  vms?: Partial<ServiceImpl<typeof Vms>>;
  processes?: Partial<ServiceImpl<typeof Processes>>;
  files?: Partial<ServiceImpl<typeof Files>>;
  hostChannel?: Partial<ServiceImpl<typeof HostChannel>>;
}

export async function fakeSidecar(answers: Answers): Promise<FakeSidecar> {
  const directory = mkdtempSync(join(tmpdir(), "fake-sidecar-"));
  const socket = join(directory, "s");
  const created: CreateVmRequest[] = [];
  const sessions = new Set<ServerHttp2Session>();
  const routes = (router: ConnectRouter): void => {
    router.service(Vms, {
      describe: () => ({ version: "test", revision: REVISION }),
      create: (request) => {
        created.push(request);
        return { id: `vm-${created.length}` };
      },
      dispose: () => ({}),
      ...answers.vms,
    });
    router.service(Processes, answers.processes ?? {});
    router.service(Files, answers.files ?? {});
    router.service(HostChannel, answers.hostChannel ?? {});
  };
  const server = createServer(connectNodeAdapter({ routes }));
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  const sidecar = await Sidecar.connect({ socket });
  const breakOff = (): void => sessions.forEach((session) => session.destroy());
  return {
    sidecar,
    created,
    breakOff,
    async [Symbol.asyncDispose]() {
      await sidecar.dispose();
      breakOff();
      server.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** A failure as a sidecar tells it. */
export function refuse(grpc: Code, detail: { code: string; option?: string; limit?: string; path?: string }, message: string): ConnectError {
  const value = { ...detail, path: new TextEncoder().encode(detail.path ?? "") };
  return new ConnectError(message, grpc, undefined, [{ desc: ErrorDetailSchema, value }]);
}

type Question = MessageInitShape<typeof HostRequestSchema>;

/** The server's end of one host channel, driven by a test. */
export class Guest {
  readonly #requests = new Queue<Question>();
  readonly replies: HostReply[] = [];
  #ids = 0n;
  #arrived: (() => void)[] = [];

  /** To be given as `HostChannel.open`. */
  readonly open = (replies: AsyncIterable<HostReply>): AsyncIterable<Question> => {
    void (async () => {
      for await (const reply of replies) {
        this.replies.push(reply);
        if (reply.reply.case === "hello") this.#requests.push({ request: { case: "ready", value: {} } });
        for (const wake of this.#arrived.splice(0)) wake();
      }
    })().catch(() => undefined);
    return this.#requests;
  };

  /** Asks; the id by which the answer comes. */
  ask(request: NonNullable<Question["request"]>, id = ++this.#ids): bigint {
    this.#requests.push({ id, request });
    return id;
  }

  /** The first reply of a kind to a question, once it is there. */
  async reply<K extends HostReply["reply"]["case"]>(id: bigint, kind: K): Promise<Extract<HostReply["reply"], { case: K }>> {
    for (;;) {
      const found = this.replies.find((reply) => reply.id === id && reply.reply.case === kind);
      if (found !== undefined) return found.reply as Extract<HostReply["reply"], { case: K }>;
      await new Promise<void>((resolve) => this.#arrived.push(resolve));
    }
  }
}
