/** Refusals that are decided in this process (variables that a function keeps back), for the machine's events. */

/** A variable that was kept back, and when: milliseconds since 1970. */
export interface RefusedVariable {
  at: number;
  name: string;
  reason: string;
}

/** Refusals kept until somebody listens. */
const KEPT = 1_024;

/** See the module. */
export class Refusals {
  readonly #listeners = new Set<(refused: RefusedVariable) => void>();
  /** What was refused while the machine was made. */
  #early: RefusedVariable[] = [];
  #isMade = false;

  /** Tells who listens. */
  readonly tell = (name: string, reason: string): void => {
    const refused = { at: Date.now(), name, reason };
    for (const listener of this.#listeners) listener(refused);
    if (!this.#isMade && this.#listeners.size === 0 && this.#early.length < KEPT) this.#early.push(refused);
  };

  /** The machine is there; from now on only those hear who listen. */
  made(): void {
    this.#isMade = true;
  }

  /** Tells `listener` from now on; the first hears of what was before, too. */
  listen(listener: (refused: RefusedVariable) => void): () => void {
    for (const refused of this.#early.splice(0)) listener(refused);
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}
