/**
 * The code blocks of the reference documents, as programs under `examples/`: each ends with status 0 and prints what its `.out` file says
 * (nothing, without one; `#` in it stands for a number, and a line that is repeated counts once).
 *
 * What needs something that is not there yet is listed with the reason. The list is strict: an example on it that passes fails the run.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";

/** Examples that do not work yet, and why. */
const NOT_YET: Record<string, string> = {};

interface Ending {
  status: number | string;
  stdout: string;
  stderr: string;
}

function run(name: string): Promise<Ending> {
  return new Promise((resolve) => {
    execFile(process.execPath, [`dist/examples/${name}.js`], { timeout: 60_000 }, (error, stdout, stderr) => {
      const status = error === null ? 0 : (error.code ?? error.signal ?? "?");
      resolve({ status: error?.killed === true ? "still running after 60 s" : status, stdout, stderr });
    });
  });
}

function comparable(text: string): string {
  const lines = text.split("\n").map((line) => line.replace(/^\d+(?= \d+$)/, "#"));
  return lines.filter((line, index) => line !== lines[index - 1]).join("\n");
}

const examples = readdirSync("examples")
  .filter((file) => file.endsWith(".ts"))
  .map((file) => file.slice(0, -".ts".length));

/** Runs one example, and judges it. */
function example(name: string): void {
  const reason = NOT_YET[name];
  test(name, async () => {
    const expected = existsSync(`examples/${name}.out`) ? readFileSync(`examples/${name}.out`, "utf8") : "";
    const ending = await run(name);
    const works = ending.status === 0 && ending.stderr === "" && comparable(ending.stdout) === comparable(expected);
    if (reason !== undefined) {
      assert.ok(!works, `works now: take it off the list (${reason})`);
      assert.match(ending.stderr, /NOT_IMPLEMENTED/, "what is not there says so");
      return;
    }
    assert.equal(comparable(ending.stdout), comparable(expected), ending.stderr);
    assert.equal(ending.stderr, "");
    assert.equal(ending.status, 0);
  });
}

describe("examples", { concurrency: 4 }, () => examples.forEach(example));

test("the list names examples that are there", () => {
  assert.deepEqual(
    Object.keys(NOT_YET).filter((name) => !examples.includes(name)),
    [],
  );
});
