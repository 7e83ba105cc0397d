// Seed 000, "Permission gating". Elided there: the import.
import { createNodeDriver } from "cenote";

const driver = createNodeDriver({
  permissions: {
    childProcess: (req) => {
      const allowed = ["node", "python3", "echo"];
      return { allow: allowed.includes(req.command) };
    },
  },
});

export { driver };
