/** Programs that guests start and the embedder runs. */
import { toBytes, toText } from "../bytes.js";
import { DataChannel, type HostCommand } from "../gen/cenote/v1/host_pb.js";
import type { CommandExecutor } from "../drivers/command-executor.js";
import type { Reply } from "./answers.js";
import type { Exchange } from "./exchange.js";

const SIGKILL = 9;

/** Runs one command to its end. An executor that throws, at once or later, fails this one command. */
export async function runCommand(executor: CommandExecutor, command: HostCommand, exchange: Exchange, reply: Reply): Promise<void> {
  let fail: (error: unknown) => void = () => undefined;
  const failed = new Promise<never>((_, reject) => (fail = reject));
  // Looked at below, when there is something to wait for.
  failed.catch(() => undefined);
  /** Calls the embedder; what it throws, or a promise of it rejects with, is the command's failure. */
  const tell = async (what: () => unknown): Promise<void> => {
    try {
      await what();
    } catch (error) {
      fail(error);
    }
  };
  let hasStarted: () => void = () => undefined;
  const started = new Promise<void>((resolve) => (hasStarted = resolve));
  const sent = new Map<DataChannel, Promise<void>>();
  const take = (channel: DataChannel, data: Uint8Array): void =>
    void tell(() => {
      const bytes = toBytes(data);
      // What is written while it starts comes after the word that it has.
      sent.set(channel, started.then(() => exchange.send(channel, bytes)));
    });
  // Executors in use answer with a promise, too.
  const spawned = (async () =>
    executor.spawn(command.command, command.args.map(toText), {
      cwd: command.cwd,
      env: command.env,
      onStdout: (data) => take(DataChannel.STDOUT, data),
      onStderr: (data) => take(DataChannel.STDERR, data),
    }))();
  exchange.onData = (bytes, end) =>
    tell(async () => {
      const process = await spawned;
      if (bytes.byteLength > 0) await process.writeStdin(bytes);
      if (end) await process.closeStdin();
    });
  exchange.onSignal = (signal) => void tell(async () => (await spawned).kill(signal));
  exchange.onCancel = () => {
    void tell(async () => (await spawned).kill(SIGKILL));
    exchange.close();
  };
  const process = await spawned;
  reply({ case: "commandStarted", value: {} });
  hasStarted();
  const exitCode = await Promise.race([process.wait(), failed]);
  if (!Number.isInteger(exitCode)) throw new TypeError(`wait() of the command executor's process resolved with ${typeof exitCode}, not with an exit code`);
  await Promise.all(sent.values());
  exchange.finish(DataChannel.STDOUT);
  exchange.finish(DataChannel.STDERR);
  reply({ case: "commandExited", value: { exitCode: exitCode & 255, signal: 0 } });
}
