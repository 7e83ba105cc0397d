// Seed 000, "Custom CommandExecutor". Elided there: the import, and what `spawn` does.
import { createNodeDriver } from "cenote";

const driver = createNodeDriver({
  commandExecutor: {
    spawn(command, args, options) {
      // Custom spawn logic
      options.onStdout?.(new TextEncoder().encode(`${command} ${args.join(" ")}\n`));
      // Returns a SpawnedProcess
      return { writeStdin() {}, closeStdin() {}, kill() {}, wait: async () => 0 };
    },
  },
  permissions: {
    childProcess: () => ({ allow: true }),
  },
});

export { driver };
