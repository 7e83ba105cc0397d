// Seed 001, "Basic setup".
import { createNodeDriver } from "cenote";

const driver = createNodeDriver();

export { driver };
