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
