/** Errors that point at the caller's line. */
import { withCaller } from "./sidecar/failure.js";

/**
 * Runs an asynchronous public function; an error of this package that it rejects with has the stack of `entered`'s caller, not of what the
 * network brought.
 */
export async function fromCaller<T>(entered: (...args: never[]) => unknown, run: () => Promise<T>): Promise<T> {
  const here: { stack?: string } = {};
  Error.captureStackTrace(here, entered);
  try {
    return await run();
  } catch (error) {
    throw withCaller(error, here);
  }
}

/** The same for each step of an iteration. `closed` is called when the reader leaves, before what is under way is waited for. */
export function fromReader<T>(items: AsyncGenerator<T, void, void>, closed: () => void): AsyncIterableIterator<T, void, undefined> {
  const reader: AsyncIterableIterator<T, void, undefined> = {
    next: () => fromCaller(reader.next, () => items.next()),
    return: () => {
      closed();
      return items.return();
    },
    [Symbol.asyncIterator]: () => reader,
  };
  return reader;
}
