/** {@link Snapshot}: the files of a machine as they were at one moment. */
import { pieces, toBytes } from "./bytes.js";
import { fromCaller } from "./caller.js";
import { withCaller } from "./sidecar/failure.js";
import { checkSource, Messages } from "./source.js";
import type { ImportReply } from "./gen/cenote/v1/vms_pb.js";
import { MACHINE, type Machine } from "./machine.js";
import type { NodeRuntime } from "./runtime.js";

/** A tar stream: plain, or packed by gzip or zstd. */
export type Tar = Uint8Array | AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>;

/** Bytes of a tar stream sent at once. */
const CHUNK = 64 << 10;

/** Sends a tar stream to a machine. @internal */
export async function imported(
  machine: Machine,
  tar: Tar,
  target: { path?: Uint8Array<ArrayBuffer>; asSnapshot?: boolean },
): Promise<ImportReply> {
  checkSource("tar", tar);
  const messages = new Messages(async function* () {
    yield { message: { case: "target" as const, value: { vm: machine.id, ...target } } };
    for await (const chunk of tar instanceof Uint8Array ? [tar] : tar) {
      for (const piece of pieces(toBytes(chunk), CHUNK)) yield { message: { case: "data" as const, value: toBytes(piece) } };
    }
  });
  return messages.of(() => machine.call((options) => machine.link.vms.import(messages, options)));
}

/** What a call of `Export` asks for. */
interface ExportRequest {
  vm?: string;
  path?: Uint8Array<ArrayBuffer>;
  changes?: boolean;
  snapshot?: string;
}

/** A tar stream of a machine's files: what the reader does not take is not sent. @internal */
export function exported(
  entered: (...args: never[]) => unknown,
  ready: () => Promise<Machine>,
  request: (vm: string) => ExportRequest,
): ReadableStream<Uint8Array> {
  const here: { stack?: string } = {};
  Error.captureStackTrace(here, entered);
  const stop = new AbortController();
  let chunks: AsyncIterator<{ data: Uint8Array }> | undefined;
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    const machine = await ready();
    const next = await machine.call(() => {
      chunks ??= machine.link.vms.export(request(machine.id), machine.with({ signal: stop.signal }))[Symbol.asyncIterator]();
      return chunks.next();
    });
    if (next.done) controller.close();
    else controller.enqueue(next.value.data);
  };
  return new ReadableStream<Uint8Array>(
    {
      pull: (controller) =>
        pull(controller).catch((error: unknown) => {
          throw withCaller(error, here);
        }),
      cancel: () => stop.abort(),
    },
    // What nobody reads is not asked for.
    { highWaterMark: 0 },
  );
}

/**
 * The files of a machine as they were at one moment: all that is in its tree but mounts and processes. It lives until it is dropped or the
 * machine it was taken of ends; {@link export} carries it further.
 */
export class Snapshot implements AsyncDisposable {
  /** By which the sidecar knows it. */
  readonly id: string;
  readonly #machine: Machine;

  /** @internal */
  constructor(machine: Machine, id: string) {
    this.#machine = machine;
    this.id = id;
  }

  /**
   * What differs from the files that ship, as a tar stream in the form of an OCI layer. Equal files give equal bytes;
   * `rt.import(stream)` of a new machine brings them back.
   */
  export(): ReadableStream<Uint8Array> {
    return exported(
      this.export,
      () => Promise.resolve(this.#machine),
      () => ({ snapshot: this.id }),
    );
  }

  /**
   * Makes a snapshot of what {@link export} wrote, or of another tar stream, over the files that ship: beside `runtime`, whose own files do not
   * change and whose limits hold. `NodeRuntime.create({ snapshot })` begins with it; it ends with `runtime`, like one that was taken of it.
   */
  static import(runtime: NodeRuntime, tar: Tar): Promise<Snapshot> {
    return fromCaller(Snapshot.import, async () => {
      const machine = await runtime[MACHINE]();
      const { snapshot } = await imported(machine, tar, { asSnapshot: true });
      return new Snapshot(machine, snapshot);
    });
  }

  /** Forgets it; machines that began with it keep their files. A second time does nothing. */
  drop(): Promise<void> {
    return fromCaller(this.drop, async () => {
      const machine = this.#machine;
      // It went with the machine.
      if (machine.isDisposed) return;
      await machine.call((options) => machine.link.vms.dropSnapshot({ snapshot: this.id }, options));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drop();
  }
}
