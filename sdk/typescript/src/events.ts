/** What happens in a machine: refusals, limits in sight, its end. */
import { fromReader } from "./caller.js";
import { CenoteError } from "./errors.js";
import type { VmEvent } from "./gen/cenote/v1/vms_pb.js";
import type { Machine } from "./machine.js";
import { usage, type ResourceUsage } from "./limits.js";
import { camelCase, fromDetail } from "./sidecar/failure.js";

/** Something that happened in a machine, and when: milliseconds since 1970, by the sidecar's clock. */
export type MachineEvent = { at: number } & (
  | {
      /** A permission refused something to a guest. */
      type: "refusal";
      /** The scope: `fs`, `network`, `child_process`, `env` or `host_function`. */
      permission: string;
      /** As in the request that functions are asked with. */
      operation: string;
      /** The path, address, program or name. */
      subject: string;
      /** Why; may be empty. */
      reason: string;
      /** The process that wanted it, where that is known. */
      pid?: number;
    }
  | ({
      /** A resource has passed 80 % of its limit. */
      type: "limit";
      /** The limit, e.g. `processes`. */
      limit: string;
      /** Whether a call that wanted more has failed. */
      reached: boolean;
      /** What is used, what may be, and the option that changes it. */
    } & { usage: ResourceUsage })
  | {
      /** The machine is gone. */
      type: "ended";
      /** What went wrong; undefined when it was disposed of. */
      error?: CenoteError;
    }
  | {
      /** Events were lost, because they were read too slowly. */
      type: "lost";
      /** How many. */
      count: number;
    }
);

/** The events of a machine from when it was asked for to its end: iterate it, once. */
export class MachineEvents implements AsyncIterable<MachineEvent>, AsyncDisposable {
  readonly #machine: Machine;
  readonly #signal: AbortSignal | undefined;
  readonly #stop = new AbortController();
  #events!: AsyncIterator<VmEvent>;
  /** The first step, under way since before anybody asked. */
  #first: Promise<IteratorResult<VmEvent>> | undefined;
  /** What was refused in this process, and how to tell of it. */
  readonly #here: MachineEvent[] = [];
  #wake: () => void = () => undefined;

  private constructor(machine: Machine, signal: AbortSignal | undefined) {
    this.#machine = machine;
    this.#signal = signal;
    signal?.addEventListener("abort", () => this.close(), { once: true, signal: this.#stop.signal });
    const silence = machine.refusals.listen(({ at, name, reason }) => {
      this.#here.push({ at, type: "refusal", permission: "env", operation: "read", subject: name, reason });
      this.#wake();
    });
    this.#stop.signal.addEventListener("abort", silence, { once: true });
  }

  /** @internal */
  static async open(machine: Machine, signal: AbortSignal | undefined): Promise<MachineEvents> {
    const events = new MachineEvents(machine, signal);
    await machine.call(() => events.#listen(), signal);
    return events;
  }

  /** Resolves when the sidecar listens. */
  #listen(): Promise<void> {
    const { link, id } = this.#machine;
    return new Promise((resolve, reject) => {
      this.#events = link.vms.events({ vm: id }, { signal: this.#stop.signal, onHeader: () => resolve() })[Symbol.asyncIterator]();
      this.#first = this.#events.next();
      this.#first.then(() => resolve(), reject);
    });
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<MachineEvent, void, undefined> {
    return fromReader(this.#follow(), () => this.close());
  }

  async *#follow(): AsyncGenerator<MachineEvent, void, void> {
    const { link, id } = this.#machine;
    try {
      let under: Promise<IteratorResult<VmEvent>> | undefined;
      for (;;) {
        for (let own = this.#here.shift(); own !== undefined; own = this.#here.shift()) yield own;
        if (under === undefined) {
          const step = this.#first ?? this.#events.next();
          this.#first = undefined;
          // The end of the machine is an event, and no error of this call.
          under = link.call(id, () => step);
          // Who stops listening does not wait for it.
          under.catch(() => undefined);
        }
        const woken = new Promise<undefined>((wake) => (this.#wake = () => wake(undefined)));
        const next: IteratorResult<VmEvent> | undefined = await Promise.race([under, woken]);
        if (next === undefined) continue;
        under = undefined;
        if (next.done) return;
        const event = fromWire(next.value, id);
        if (event !== undefined) yield event;
      }
    } catch (error) {
      if (this.#signal?.aborted) throw this.#signal.reason;
      if (this.#stop.signal.aborted) return;
      throw error;
    } finally {
      this.close();
    }
  }

  /** Stops listening; an iteration under way ends. */
  close(): void {
    this.#stop.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}

function fromWire({ atMs, event }: VmEvent, vm: string): MachineEvent | undefined {
  const at = Number(atMs);
  switch (event.case) {
    case "refusal": {
      const { permission, operation, subject, reason, pid } = event.value;
      return { at, type: "refusal", permission, operation, subject, reason, ...(pid === 0 ? {} : { pid }) };
    }
    case "limit":
      if (event.value.usage === undefined) return undefined;
      return { at, type: "limit", limit: camelCase(event.value.usage.name), usage: usage(event.value.usage), reached: event.value.reached };
    case "ended": {
      const { error } = event.value;
      const failure = error === undefined ? undefined : fromDetail(error, "the machine has ended", vm);
      return failure === undefined || failure.code === "VM_DISPOSED" ? { at, type: "ended" } : { at, type: "ended", error: failure };
    }
    case "lost":
      return { at, type: "lost", count: Number(event.value) };
    default:
      return undefined;
  }
}
