/** Changes of files, as they happen. */
import { toBytes, toText } from "./bytes.js";
import { fromReader } from "./caller.js";
import { WatchKind, type WatchEvent as WireEvent } from "./gen/cenote/v1/files_pb.js";
import type { WatchEvent } from "./files.js";
import type { Machine } from "./machine.js";

/** Changes below a path: iterate it. Events count from the moment {@link ready} resolves. */
export class Watcher implements AsyncIterable<WatchEvent>, AsyncDisposable {
  /** Resolves when watching has begun; rejects when it cannot. */
  readonly ready: Promise<void>;
  readonly #machine: Machine;
  readonly #signal: AbortSignal | undefined;
  readonly #stop = new AbortController();
  /** Of use once {@link ready} has resolved. */
  #events!: AsyncIterator<WireEvent>;

  /** @internal */
  constructor(machine: Machine, path: string, options: { recursive?: boolean; signal?: AbortSignal }) {
    machine.check();
    this.#machine = machine;
    this.#signal = options.signal;
    options.signal?.addEventListener("abort", () => this.close(), { once: true, signal: this.#stop.signal });
    const request = { path: toBytes(path), recursive: options.recursive ?? false };
    this.ready = machine.call(async () => {
      this.#events = machine.link.files.watch(request, machine.with({ signal: this.#stop.signal }))[Symbol.asyncIterator]();
      await this.#events.next();
    }, options.signal);
    this.ready.catch(() => undefined);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<WatchEvent, void, undefined> {
    return fromReader(this.#changes(), () => this.close());
  }

  async *#changes(): AsyncGenerator<WatchEvent, void, void> {
    try {
      await this.ready;
      for (;;) {
        const next = await this.#machine.call(() => this.#events.next(), this.#signal);
        if (next.done) return;
        const eventType = eventName(next.value.kind);
        if (eventType !== undefined) yield { eventType, filename: toText(next.value.path) };
      }
    } catch (error) {
      if (this.#stop.signal.aborted && !this.#signal?.aborted) return;
      throw error;
    } finally {
      this.close();
    }
  }

  /** Stops watching; an iteration under way ends. */
  close(): void {
    this.#stop.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}

function eventName(kind: WatchKind): WatchEvent["eventType"] | undefined {
  switch (kind) {
    case WatchKind.RENAME:
      return "rename";
    case WatchKind.CHANGE:
      return "change";
    case WatchKind.OVERFLOW:
      return "overflow";
    default:
      return undefined;
  }
}
