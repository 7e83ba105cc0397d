/**
 * Code of the first generation: an ES module when it has module syntax; otherwise CommonJS, in a function of its own, where `require`,
 * `return` and `await` may stand together.
 */
import { parse } from "es-module-lexer/js";

/** A script ready to run. */
export interface Script {
  text: string;
  type: "module" | "commonjs";
}

/** Whether code has `import`, `export` or `import.meta`. Code that cannot be read is left to the guest to complain about. */
function isModule(code: string): boolean {
  try {
    const [, , , hasModuleSyntax] = parse(code);
    return hasModuleSyntax;
  } catch {
    return false;
  }
}

/** Code for `exec`; lines keep their numbers. */
export function script(code: string, argv: readonly string[] | undefined): Script {
  const prelude = argv === undefined ? "" : `process.argv = ${JSON.stringify(argv)}; `;
  if (isModule(code)) return { text: prelude + code, type: "module" };
  return { text: `${prelude}${wrapped(code)};`, type: "commonjs" };
}

/** Code for `run`: what it exports comes back. */
export function exportingScript(code: string, argv: readonly string[] | undefined, entry: string): Script {
  const prelude = argv === undefined ? "" : `process.argv = ${JSON.stringify(argv)}; `;
  if (isModule(code)) {
    // A module cannot look at its own exports: another one does. The code lies in a file, which the caller writes.
    return { text: `${prelude}const exported = await import(${JSON.stringify(`file://${entry}`)}); __return({ ...exported });`, type: "module" };
  }
  return { text: `${prelude}{ const own = module; Promise.resolve(${wrapped(code)}).then(() => __return(own.exports)); }`, type: "commonjs" };
}

/** @internal Whether {@link exportingScript} needs the code in a file. */
export { isModule };

/** What Node gives a CommonJS module; kept, because the global `module` is another one once the first turn is over. */
const GIVEN = "require, module, exports, __filename, __dirname";

function wrapped(code: string): string {
  return `(${/\bawait\b/.test(code) ? "async " : ""}(${GIVEN}) => { ${code}\n})(${GIVEN})`;
}
