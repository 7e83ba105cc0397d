/** Promises that keep this process alive only while somebody waits for them. */

/**
 * A promise that holds from the first `then` (and so `await`) until it is settled. Nobody has to wait for it: what it rejects with is nobody's
 * concern then.
 */
export class Held<T> extends Promise<T> {
  #hold: (() => () => void) | undefined;
  #release: (() => void) | undefined;

  /** What is derived of it is plain. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  /** The outcome of `promise`; waited for, it calls `hold`, and what that returned in the end. */
  static of<T>(hold: () => () => void, promise: Promise<T>): Promise<T> {
    const held = new Held<T>((resolve, reject) => {
      promise.then(resolve, reject);
    });
    held.#hold = hold;
    const end = (): void => {
      held.#hold = undefined;
      held.#release?.();
    };
    super.prototype.then.call(held, end, end);
    return held;
  }

  override then<A = T, B = never>(
    fulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#release ??= this.#hold?.();
    return super.then(fulfilled, rejected);
  }
}
