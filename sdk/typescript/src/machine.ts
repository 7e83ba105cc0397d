/** One machine on a sidecar, as the parts of {@link NodeRuntime} see it: its id, calls in its name, its end. */
import type { CallOptions as ConnectOptions } from "@connectrpc/connect";

import { SidecarError, VmError } from "./errors.js";
import type { HostAnswers } from "./host/answers.js";
import { Refusals } from "./permissions/refusals.js";
import type { Link } from "./sidecar/link.js";
import type { Sidecar } from "./sidecar/sidecar.js";

/** By which parts of the package find a runtime's machine. */
export const MACHINE = Symbol("machine");

/** A machine. */
export class Machine {
  readonly id: string;
  readonly sidecar: Sidecar;
  /** What one stream of a captured call keeps, in bytes. */
  readonly outputLimit: number;
  /** What was refused here, before the machine heard of it. */
  readonly refusals = new Refusals();
  /** What answers the machine's questions; undefined when it asks none. */
  host: HostAnswers | undefined;
  readonly #ownsSidecar: boolean;
  readonly #endings = new Set<() => Promise<void> | void>();
  #disposed: Promise<void> | undefined;
  #isOver = false;

  constructor(id: string, sidecar: Sidecar, ownsSidecar: boolean, outputLimit: number) {
    this.id = id;
    this.sidecar = sidecar;
    this.outputLimit = outputLimit;
    this.#ownsSidecar = ownsSidecar;
  }

  get link(): Link {
    return this.sidecar.link;
  }

  get isDisposed(): boolean {
    return this.#isOver;
  }

  /** Names the machine in a call. */
  with(options: ConnectOptions = {}): ConnectOptions {
    return { ...options, headers: { "cenote-vm": this.id } };
  }

  /** A call in the machine's name; `signal`'s reason is what an aborted one rejects with. */
  async call<T>(make: (options: ConnectOptions) => Promise<T>, signal?: AbortSignal): Promise<T> {
    this.check();
    signal?.throwIfAborted();
    try {
      return await this.link.call(this.id, () => make(this.with(signal === undefined ? {} : { signal })));
    } catch (error) {
      throw this.failure(error, signal);
    }
  }

  /** What a failed call of the machine rejects with. */
  failure(error: unknown, signal?: AbortSignal): unknown {
    if (signal?.aborted) return signal.reason;
    const typed = this.link.failure(error, this.id);
    if (this.isDisposed && !(typed instanceof SidecarError)) return this.#gone();
    return typed;
  }

  /** @throws {VmError} `VM_DISPOSED` after {@link dispose}. */
  check(): void {
    if (this.isDisposed) throw this.#gone();
  }

  #gone(): VmError {
    return new VmError("VM_DISPOSED", `the machine ${this.id} was disposed of`, { vm: this.id });
  }

  /** Calls `ending` before the machine ends, unless what is returned was called. */
  beforeEnd(ending: () => Promise<void> | void): () => void {
    this.#endings.add(ending);
    return () => void this.#endings.delete(ending);
  }

  /** Ends the machine, and the sidecar when it is the machine's own. A second time does nothing. */
  dispose(): Promise<void> {
    this.#disposed ??= this.#end();
    return this.#disposed;
  }

  async #end(): Promise<void> {
    for (const ending of this.#endings) await ending();
    this.#isOver = true;
    this.host?.close();
    // With its sidecar gone, so is the machine.
    if (this.link.gone === undefined) {
      await this.link.call(this.id, () => this.link.vms.dispose({ vm: this.id })).catch((error: unknown) => {
        if (this.link.gone === undefined) throw error;
      });
    }
    if (this.#ownsSidecar) await this.sidecar.dispose();
  }
}
