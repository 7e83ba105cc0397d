/** Programs that guests start and the embedder runs. */
import { toText } from "../bytes.js";
import { DataChannel, type HostCommand } from "../gen/cenote/v1/host_pb.js";
import type { CommandExecutor } from "../drivers/command-executor.js";
import type { Reply } from "./answers.js";
import type { Exchange } from "./exchange.js";

const SIGKILL = 9;

/** Runs one command to its end. */
export async function runCommand(executor: CommandExecutor, command: HostCommand, exchange: Exchange, reply: Reply): Promise<void> {
  const sent: Promise<void>[] = [];
  const process = executor.spawn(command.command, command.args.map(toText), {
    cwd: command.cwd,
    env: command.env,
    onStdout: (data) => void sent.push(exchange.send(DataChannel.STDOUT, data)),
    onStderr: (data) => void sent.push(exchange.send(DataChannel.STDERR, data)),
  });
  exchange.onData = (bytes, end) => {
    if (bytes.byteLength > 0) process.writeStdin(bytes);
    if (end) process.closeStdin();
  };
  exchange.onSignal = (signal) => process.kill(signal);
  exchange.onCancel = () => {
    process.kill(SIGKILL);
    exchange.close();
  };
  reply({ case: "commandStarted", value: {} });
  const exitCode = await process.wait();
  await Promise.all(sent);
  exchange.finish(DataChannel.STDOUT);
  exchange.finish(DataChannel.STDERR);
  reply({ case: "commandExited", value: { exitCode: exitCode & 255, signal: 0 } });
}
