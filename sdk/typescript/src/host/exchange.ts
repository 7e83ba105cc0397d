/** Byte streams of one request on the host channel, with the contract's windows in both directions. */
import { DataChannel } from "../gen/cenote/v1/host_pb.js";
import { pieces } from "../bytes.js";
import type { Reply } from "./answers.js";

/** Bytes either side may send of one stream before the other gives more. */
const WINDOW = 256 << 10;
/** Bytes sent at once. */
const CHUNK = 64 << 10;

/** The streams of one request. */
export class Exchange {
  readonly #reply: Reply;
  readonly #credit = new Map<DataChannel, number>();
  readonly #waiting = new Set<() => void>();
  /** What was given last of a stream, on its way. */
  readonly #sent = new Map<DataChannel, Promise<void>>();
  #closed = false;
  /** Takes what the guest sends; more comes when it has resolved. */
  onData: (bytes: Uint8Array, end: boolean) => void | Promise<void> = () => undefined;
  /** Takes signals for a command. Must not throw. */
  onSignal: (signal: number) => void = () => undefined;
  /** The guest does not want the answer any more. Must not throw. */
  onCancel: () => void = () => undefined;
  #taken: Promise<void> = Promise.resolve();
  /** Bytes that came and were not taken yet. */
  #waitingBytes = 0;

  constructor(reply: Reply) {
    this.#reply = reply;
  }

  /** @internal The guest's bytes. */
  take(channel: DataChannel, bytes: Uint8Array, end: boolean): void {
    if (this.#closed) return;
    this.#waitingBytes += bytes.byteLength;
    // More than was allowed: whoever sends it does not keep to the contract.
    if (this.#waitingBytes > WINDOW) return this.onCancel();
    this.#taken = this.#taken.then(async () => {
      await this.onData(bytes, end);
      this.#waitingBytes -= bytes.byteLength;
      if (bytes.byteLength > 0 && !end) this.#reply({ case: "window", value: { channel, bytes: bytes.byteLength } });
    });
    this.#taken.catch(() => this.onCancel());
  }

  /** @internal The guest has taken bytes. */
  widen(channel: DataChannel, bytes: number): void {
    this.#credit.set(channel, this.#room(channel) + bytes);
    this.#wake();
  }

  /** @internal The exchange is over: nothing more is sent. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  #room(channel: DataChannel): number {
    return this.#credit.get(channel) ?? WINDOW;
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  /** Sends bytes as far as the guest takes them, after those given before and never within this call; resolves when all are sent. */
  send(channel: DataChannel, bytes: Uint8Array): Promise<void> {
    const before = this.#sent.get(channel) ?? Promise.resolve();
    const sent = before.then(() => this.#send(channel, bytes));
    this.#sent.set(channel, sent);
    return sent;
  }

  async #send(channel: DataChannel, bytes: Uint8Array): Promise<void> {
    for (const piece of pieces(bytes, CHUNK)) {
      while (!this.#closed && this.#room(channel) < piece.byteLength) {
        await new Promise<void>((resolve) => this.#waiting.add(resolve));
      }
      if (this.#closed) return;
      this.#credit.set(channel, this.#room(channel) - piece.byteLength);
      this.#reply({ case: "data", value: { channel, bytes: piece as Uint8Array<ArrayBuffer>, end: false } });
    }
  }

  /** Ends a stream. */
  finish(channel: DataChannel): void {
    if (!this.#closed) this.#reply({ case: "data", value: { channel, bytes: new Uint8Array(), end: true } });
  }
}
