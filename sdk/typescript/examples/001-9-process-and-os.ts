// Seed 001, "Process and OS configuration". Elided there: the import.
import { createNodeDriver } from "cenote";

const driver = createNodeDriver({
  processConfig: {
    cwd: "/app",
    env: { NODE_ENV: "production", API_KEY: "sk-..." },
  },
  osConfig: {
    platform: "linux",
    arch: "x64",
  },
});

export { driver };
