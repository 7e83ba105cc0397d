// Seed 002, "Function-based checks". Elided there: the import.
import { createNodeDriver } from "cenote";

const driver = createNodeDriver({
  permissions: {
    // Allow reads, block writes
    fs: (req) => req.operation === "read",

    // Block internal hosts
    network: (req) => !req.hostname.endsWith(".internal"),

    // Only allow specific commands
    childProcess: (req) => ["node", "python3"].includes(req.command),

    // Allow specific env vars
    env: (req) => ["PATH", "HOME"].includes(req.name),
  },
});

export { driver };
