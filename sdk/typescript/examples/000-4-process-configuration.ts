// Seed 000, "Process configuration". Elided there: the import.
import { createNodeDriver } from "cenote";

const driver = createNodeDriver({
  processConfig: {
    cwd: "/app",
    env: { NODE_ENV: "production" },
    argv: ["node", "script.js"],
    platform: "linux",
    arch: "x64",
  },
});

export { driver };
