/**
 * What a process writes: kept up to a limit until somebody reads it, called back, or read as a stream.
 *
 * Without a reader the first bytes up to the limit are kept and the guest goes on; with one, at most {@link WINDOW} bytes are held and the
 * guest waits for the reader. A reader who leaves takes the waiting along.
 */
import { concat, toText } from "./bytes.js";
import { fromCaller } from "./caller.js";
import type { OutputCallback } from "./options.js";

/** Bytes held for a reader before the guest waits. */
export const WINDOW = 256 << 10;

type Next = IteratorResult<Uint8Array, undefined>;

const DONE: Next = { done: true, value: undefined };

/** What an output does with its source. */
interface Source {
  /** Lets it send that many bytes more. */
  grant: (bytes: number) => void;
  /** Keeps this process alive until what it returns is called. */
  hold: () => () => void;
  /** Hears that the callback has thrown. */
  failed: (error: unknown) => void;
}

/** Standard output or standard error of a live process, or what a terminal shows. */
export class ProcessOutput implements AsyncIterable<Uint8Array> {
  readonly #limit: number;
  readonly #source: Source;
  readonly #callback: OutputCallback | undefined;
  readonly #kept: Uint8Array[] = [];
  #keptBytes = 0;
  /** Of what is kept: chunks the guest need not wait for. They come first. */
  #granted = 0;
  #truncated = false;
  #readers = 0;
  #ended = false;
  #error: unknown;
  #callbacks: Promise<void> = Promise.resolve();
  #callbackFailed = false;
  readonly #waiting = new Set<() => void>();
  readonly #whenEnded: (() => void)[] = [];

  /** @internal */
  constructor(limit: number, source: Source, callback?: OutputCallback) {
    this.#limit = limit;
    this.#source = source;
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
    } else if (this.#readers > 0) {
      this.#kept.push(chunk);
      this.#keptBytes += chunk.byteLength;
      this.#wake();
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

  #grant(bytes: number): void {
    if (!this.#ended) this.#source.grant(bytes);
  }

  /** Calls back in order; a promise holds up what comes after, and the guest. After an error it is not called again. */
  #call(callback: OutputCallback, chunk: Uint8Array): void {
    this.#callbacks = this.#callbacks.then(async () => {
      try {
        if (!this.#callbackFailed) await callback(chunk);
      } catch (error) {
        this.#callbackFailed = true;
        this.#source.failed(error);
      }
      this.#grant(chunk.byteLength);
    });
  }

  /** @internal */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#wake();
    for (const resolve of this.#whenEnded.splice(0)) resolve();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  /** @internal Resolves when all callbacks have returned. */
  get calledBack(): Promise<void> {
    return this.#callbacks;
  }

  /**
   * Chunks as they come. One reader at a time. After one that leaves (`break`, or `cancel` of a stream) what comes is kept as without a reader;
   * the next one begins with what it has not taken.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array, undefined, undefined> {
    let state: "fresh" | "reading" | "left" = "fresh";
    // Bytes of the chunk in the reader's hands, which the guest waits for.
    let owed = 0;
    const settle = (): void => {
      if (owed > 0) this.#grant(owed);
      owed = 0;
    };
    const leave = (): void => {
      if (state === "reading") this.#left();
      state = "left";
      settle();
      this.#wake();
    };
    const step = async (): Promise<Next> => {
      settle();
      if (state === "fresh") {
        state = "reading";
        this.#readers += 1;
      }
      while (state === "reading") {
        const chunk = this.#kept.shift();
        if (chunk !== undefined) {
          this.#keptBytes -= chunk.byteLength;
          if (this.#granted > 0) this.#granted -= 1;
          else owed = chunk.byteLength;
          return { done: false, value: chunk };
        }
        if (this.#ended) {
          leave();
          if (this.#error !== undefined) throw this.#error;
          return DONE;
        }
        const release = this.#source.hold();
        await new Promise<void>((resolve) => this.#waiting.add(resolve));
        release();
      }
      return DONE;
    };
    let last: Promise<unknown> = Promise.resolve();
    const iterator: AsyncIterableIterator<Uint8Array, undefined, undefined> = {
      next: () => {
        const next = fromCaller(iterator.next, () => last.then(step));
        last = next.catch(() => undefined);
        return next;
      },
      return: async () => {
        leave();
        return DONE;
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  /** A reader has gone; after the last one nobody is waited for. */
  #left(): void {
    this.#readers -= 1;
    if (this.#readers > 0) return;
    const held = this.#kept.splice(this.#granted);
    for (const chunk of held) this.#keptBytes -= chunk.byteLength;
    for (const chunk of held) this.push(chunk);
  }

  /** The same as a web stream of bytes. */
  stream(): ReadableStream<Uint8Array> {
    const chunks = this[Symbol.asyncIterator]();
    return new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const next = await chunks.next();
          if (next.done) controller.close();
          else controller.enqueue(next.value);
        },
        async cancel() {
          await chunks.return?.();
        },
      },
      // One that nobody reads neither holds the guest up nor keeps this process alive.
      { highWaterMark: 0 },
    );
  }

  /** All bytes to the end, as far as they are kept. */
  bytes(): Promise<Uint8Array> {
    return fromCaller(this.bytes, () => this.#whole());
  }

  async #whole(): Promise<Uint8Array> {
    const release = this.#source.hold();
    try {
      if (!this.#ended) await new Promise<void>((resolve) => this.#whenEnded.push(resolve));
    } finally {
      release();
    }
    if (this.#error !== undefined) throw this.#error;
    return concat(this.#kept);
  }

  /** All text to the end, as far as it is kept; what is not UTF-8 is replaced. */
  text(): Promise<string> {
    return fromCaller(this.text, async () => toText(await this.#whole()));
  }
}
