/**
 * The host channel of one machine: takes the questions its guests raise (permissions, host functions, files, network, commands) and answers
 * them with what the embedder gave.
 */
import { create, toBinary, type MessageInitShape } from "@bufbuild/protobuf";

import { toText } from "../bytes.js";
import { CenoteError } from "../errors.js";
import { HostReplySchema, type HostRequest } from "../gen/cenote/v1/host_pb.js";
import type { Machine } from "../machine.js";
import type { CommandExecutor } from "../drivers/command-executor.js";
import type { NetworkAdapter } from "../drivers/network-adapter.js";
import type { VirtualFileSystem } from "../drivers/virtual-filesystem.js";
import type { PermissionAnswers } from "../permissions/compile.js";
import { Queue } from "../queue.js";
import { runCommand } from "./commands.js";
import { Exchange } from "./exchange.js";
import { answerFile } from "./filesystem.js";
import { callFunction, type HostFunctionCollections } from "./functions.js";
import { answerNetwork } from "./network.js";
import { answerPermission } from "./permissions.js";

/** Requests answered at once: what a worker may ask beyond it, it has not learned from the contract. */
const OPEN_LIMIT = 10_000;

type Outgoing = MessageInitShape<typeof HostReplySchema>;
/** Sends one reply of a request. */
export type Reply = (reply: NonNullable<Outgoing["reply"]>) => void;

/** What a machine's questions are answered with. */
export interface HostParts {
  permissions: PermissionAnswers;
  functions: HostFunctionCollections;
  filesystems: Map<string, VirtualFileSystem>;
  network: NetworkAdapter | undefined;
  commands: CommandExecutor | undefined;
}

/** Whether there is anything to answer. */
export function isNeeded(parts: HostParts): boolean {
  return (
    Object.keys(parts.permissions).length > 0 ||
    Object.keys(parts.functions).length > 0 ||
    parts.filesystems.size > 0 ||
    parts.network !== undefined ||
    parts.commands !== undefined
  );
}

/** An open host channel. */
export class HostAnswers {
  readonly parts: HostParts;
  readonly #replies = new Queue<Outgoing>();
  readonly #exchanges = new Map<bigint, Exchange>();
  readonly #stop = new AbortController();

  private constructor(parts: HostParts) {
    this.parts = parts;
  }

  /** Opens the channel of a machine and waits until it is in force. */
  static async open(machine: Machine, parts: HostParts): Promise<HostAnswers> {
    const answers = new HostAnswers(parts);
    answers.#replies.push({
      id: 0n,
      reply: {
        case: "hello",
        value: {
          permissions: true,
          functions: true,
          filesystems: parts.filesystems.size > 0,
          network: parts.network !== undefined,
          commands: parts.commands !== undefined,
        },
      },
    });
    const requests = await machine.call(async () => {
      const requests = machine.link.hostChannel.open(answers.#replies, machine.with({ signal: answers.#stop.signal }))[Symbol.asyncIterator]();
      const first = await requests.next();
      if (first.done || first.value.request.case !== "ready") throw new Error("the sidecar did not open the host channel");
      return requests;
    });
    void answers.#follow(requests);
    return answers;
  }

  async #follow(requests: AsyncIterator<HostRequest>): Promise<void> {
    try {
      for (let next = await requests.next(); !next.done; next = await requests.next()) this.#take(next.value);
    } catch {
      // The machine or its sidecar is gone: who waits for either hears of it.
    }
    this.close();
  }

  #take({ id, request }: HostRequest): void {
    const open = this.#exchanges.get(id);
    switch (request.case) {
      case "data":
        return open?.take(request.value.channel, request.value.bytes, request.value.end);
      case "window":
        return open?.widen(request.value.channel, request.value.bytes);
      case "signal":
        return open?.onSignal(request.value);
      case "cancel":
        return open?.onCancel();
      default:
        // What runs in the machine may have taken its worker over: nothing here rests on its good behaviour.
        if (open !== undefined || id === 0n) return this.close();
        if (this.#exchanges.size >= OPEN_LIMIT) {
          return this.#replies.push({ id, reply: { case: "error", value: { code: "EAGAIN", name: "Error", message: "too many requests at once" } } });
        }
        void this.#answer(id, request);
    }
  }

  async #answer(id: bigint, request: HostRequest["request"]): Promise<void> {
    const reply: Reply = (answer) => this.#replies.push(sendable(id, answer));
    const exchange = new Exchange(reply);
    this.#exchanges.set(id, exchange);
    try {
      switch (request.case) {
        case "permission":
          return reply({ case: "permission", value: await answerPermission(this.parts.permissions, request.value) });
        case "function": {
          const { collection, function: name, input } = request.value;
          const json = await callFunction(this.parts.functions, collection, name, toText(input));
          return reply({ case: "function", value: { output: new TextEncoder().encode(json) } });
        }
        case "filesystem": {
          const filesystem = this.parts.filesystems.get(request.value.filesystem);
          if (filesystem === undefined) throw new CenoteError("ENODEV", `there is no filesystem ${request.value.filesystem}`);
          return reply({ case: "filesystem", value: { result: await answerFile(filesystem, request.value.call) } });
        }
        case "network":
          if (this.parts.network === undefined) throw new CenoteError("ENETUNREACH", "there is no network adapter");
          return await answerNetwork(this.parts.network, request.value.call, exchange, reply);
        case "command":
          if (this.parts.commands === undefined) throw new CenoteError("ENOENT", "there is no command executor");
          return await runCommand(this.parts.commands, request.value, exchange, reply);
        default:
          throw new CenoteError("ENOSYS", "this version of the package does not know the request");
      }
    } catch (error) {
      reply({ case: "error", value: hostError(error) });
    } finally {
      exchange.close();
      this.#exchanges.delete(id);
    }
  }

  /** Ends the channel; commands that run for guests are told to end. */
  close(): void {
    for (const exchange of this.#exchanges.values()) exchange.onCancel();
    this.#replies.end();
    this.#stop.abort();
  }
}

/**
 * A reply as a message.
 *
 * @throws {TypeError} when the embedder's answer has other types than its interface says: on its way it would end the whole channel.
 */
function sendable(id: bigint, reply: NonNullable<Outgoing["reply"]>): Outgoing {
  const message = create(HostReplySchema, { id, reply });
  // Bytes are this package's own; all else is small.
  if (reply.case === "data" || reply.case === "window") return message;
  try {
    toBinary(HostReplySchema, message);
  } catch (error) {
    throw new TypeError(`the answer cannot be sent: ${error instanceof Error ? error.message : "it has the wrong types"}`, { cause: error });
  }
  return message;
}

/** An error as it reaches a guest: its errno where it has one (as `code`, or before its message, as Node writes it), its name and message. */
function hostError(error: unknown): { code: string; name: string; message: string } {
  try {
    if (!(error instanceof Error)) return { code: "", name: "Error", message: String(error) };
    const message = String(error.message);
    const named = "code" in error && typeof error.code === "string" ? error.code : (/^(E[A-Z0-9]+):/.exec(message)?.[1] ?? "");
    const code = /^E[A-Z0-9]+$/.test(named) ? named : "";
    return { code, name: String(error.name), message };
  } catch {
    return { code: "", name: "Error", message: "the host threw something that cannot be told" };
  }
}
