/** What the embedder gives bit by bit and a call sends on. */
import { OptionError } from "./errors.js";

/** Bytes or text at once, or as they come. */
export type Source<T> = AsyncIterable<T> | Iterable<T> | ReadableStream<T>;

/**
 * Messages made of a source. What the source throws is kept: the call fails with that, and not with what the connection makes of it.
 */
export class Messages<M> implements AsyncIterable<M> {
  readonly #make: () => AsyncGenerator<M>;
  #thrown: { readonly error: unknown } | undefined;

  constructor(make: () => AsyncGenerator<M>) {
    this.#make = make;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<M> {
    try {
      yield* this.#make();
    } catch (error) {
      this.#thrown = { error };
      throw error;
    }
  }

  /** Runs the call, or a part of it, that takes the messages. */
  async of<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw this.#thrown === undefined ? error : this.#thrown.error;
    }
  }
}

/** @throws {OptionError} when something is no source of bytes. */
export function checkSource(option: string, source: unknown): void {
  if (typeof source === "string" || source instanceof Uint8Array) return;
  if (typeof source === "object" && source !== null && (Symbol.asyncIterator in source || Symbol.iterator in source)) return;
  throw new OptionError(option, "give bytes, or something that can be iterated for them");
}
