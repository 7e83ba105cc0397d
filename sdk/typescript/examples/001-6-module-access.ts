// Seed 001, "Module access". Elided there: the import.
import { createNodeDriver } from "cenote";

const driver = createNodeDriver({
  moduleAccess: {
    cwd: "/path/to/your/project",
  },
});

export { driver };
