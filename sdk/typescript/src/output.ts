/**
 * What a process writes: kept up to a limit until somebody reads it, called back, or read as a stream.
 *
 * Without a reader the first bytes up to the limit are kept and the guest goes on; with one, at most {@link WINDOW} bytes are held and the
 * guest waits for the reader.
 */
import { concat, toText } from "./bytes.js";
import type { OutputCallback } from "./options.js";

/** Bytes held for a reader before the guest waits. */
export const WINDOW = 256 << 10;

/** Standard output or standard error of a live process. */
export class ProcessOutput implements AsyncIterable<Uint8Array> {
  readonly #limit: number;
  readonly #grant: (bytes: number) => void;
  readonly #callback: OutputCallback | undefined;
  readonly #hold: () => () => void;
  readonly #kept: Uint8Array[] = [];
  #keptBytes = 0;
  /** Of what is kept: chunks the guest need not wait for. */
  #granted = 0;
  #truncated = false;
  #reading = false;
  #ended = false;
  #error: unknown;
  #callbacks: Promise<void> = Promise.resolve();
  #wake: (() => void) | undefined;
  readonly #whenEnded: (() => void)[] = [];

  /** @internal */
  constructor(limit: number, grant: (bytes: number) => void, hold: () => () => void, callback?: OutputCallback) {
    this.#limit = limit;
    this.#grant = grant;
    this.#hold = hold;
    this.#callback = callback;
  }

  /** Whether more was written than is kept without a reader. */
  get truncated(): boolean {
    return this.#truncated;
  }

  /** @internal */
  push(chunk: Uint8Array): void {
    if (chunk.byteLength === 0) return;
    if (this.#callback !== undefined) {
      this.#call(this.#callback, chunk);
    } else if (this.#reading) {
      this.#kept.push(chunk);
      this.#keptBytes += chunk.byteLength;
      this.#wake?.();
    } else {
      this.#keep(chunk);
      this.#grant(chunk.byteLength);
    }
  }

  #keep(chunk: Uint8Array): void {
    const room = this.#limit - this.#keptBytes;
    if (chunk.byteLength > room) this.#truncated = true;
    if (room <= 0) return;
    const part = chunk.byteLength > room ? chunk.slice(0, room) : chunk;
    this.#kept.push(part);
    this.#granted += 1;
    this.#keptBytes += part.byteLength;
  }

  /** Calls back in order; a promise holds up what comes after, and the guest. An error is thrown where nobody catches it, as from a listener. */
  #call(callback: OutputCallback, chunk: Uint8Array): void {
    this.#callbacks = this.#callbacks
      .then(async () => {
        await callback(chunk);
      })
      .catch((error: unknown) => {
        queueMicrotask(() => {
          throw error;
        });
      })
      .then(() => this.#grant(chunk.byteLength));
  }

  /** @internal */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#wake?.();
    for (const resolve of this.#whenEnded.splice(0)) resolve();
  }

  /** @internal Resolves when all callbacks have returned. */
  get calledBack(): Promise<void> {
    return this.#callbacks;
  }

  /** Chunks as they come. One reader; a second one gets what the first leaves. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    this.#reading = true;
    for (;;) {
      for (let chunk = this.#kept.shift(); chunk !== undefined; chunk = this.#kept.shift()) {
        this.#keptBytes -= chunk.byteLength;
        const waitedFor = this.#granted === 0;
        if (!waitedFor) this.#granted -= 1;
        yield chunk;
        if (waitedFor && !this.#ended) this.#grant(chunk.byteLength);
      }
      if (this.#ended) {
        if (this.#error !== undefined) throw this.#error;
        return;
      }
      const release = this.#hold();
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = undefined;
      release();
    }
  }

  /** The same as a web stream of bytes. */
  stream(): ReadableStream<Uint8Array> {
    const chunks = this[Symbol.asyncIterator]();
    return new ReadableStream<Uint8Array>({
      async pull(controller) {
        const next = await chunks.next();
        if (next.done) controller.close();
        else controller.enqueue(next.value);
      },
      async cancel() {
        await chunks.return();
      },
    });
  }

  /** All bytes to the end, as far as they are kept. */
  async bytes(): Promise<Uint8Array> {
    const release = this.#hold();
    try {
      if (!this.#ended) await new Promise<void>((resolve) => this.#whenEnded.push(resolve));
    } finally {
      release();
    }
    if (this.#error !== undefined) throw this.#error;
    return concat(this.#kept);
  }

  /** All text to the end, as far as it is kept; what is not UTF-8 is replaced. */
  async text(): Promise<string> {
    return toText(await this.bytes());
  }
}
