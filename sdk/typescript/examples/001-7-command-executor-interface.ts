// Seed 001, "CommandExecutor interface": the document's interfaces, and that ours are the same.
import type { CommandExecutor as Ours, SpawnedProcess as OurProcess } from "cenote";

interface SpawnedProcess {
  writeStdin(data: Uint8Array | string): void;
  closeStdin(): void;
  kill(signal?: number): void;
  wait(): Promise<number>;
}

interface CommandExecutor {
  spawn(
    command: string,
    args: string[],
    options: {
      cwd?: string;
      env?: Record<string, string>;
      onStdout?: (data: Uint8Array) => void;
      onStderr?: (data: Uint8Array) => void;
    },
  ): SpawnedProcess;
}

type Same<A, B> = [A, B] extends [B, A] ? true : false;
const same: [Same<CommandExecutor, Ours>, Same<SpawnedProcess, OurProcess>] = [true, true];

export { same };
