/** Programs that the embedder runs for guests: the interface of the first generation. */

/** A program the embedder runs. */
export interface SpawnedProcess {
  /** Bytes for its standard input. */
  writeStdin(data: Uint8Array | string): void;
  /** Ends its standard input. */
  closeStdin(): void;
  /** Sends a signal, by number. */
  kill(signal?: number): void;
  /** Resolves with its exit code. */
  wait(): Promise<number>;
}

/** Starts programs for guests. */
export interface CommandExecutor {
  spawn(
    command: string,
    args: string[],
    options: {
      /** Working directory, as the guest has it. */
      cwd?: string;
      /** The guest's environment. */
      env?: Record<string, string>;
      /** Takes what the program writes to standard output. */
      onStdout?: (data: Uint8Array) => void;
      /** Takes what the program writes to standard error. */
      onStderr?: (data: Uint8Array) => void;
    },
  ): SpawnedProcess;
}
