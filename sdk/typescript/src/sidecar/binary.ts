/**
 * Where the `cenote` program is: named, in the environment, in a platform package, or built in this checkout.
 */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { SidecarError } from "../errors.js";

/** The package with the binary for this platform: `@cenote/linux-x64` … */
export function platformPackage(platform: string = process.platform, arch: string = process.arch): string {
  return `@cenote/${platform}-${arch}`;
}

/**
 * The path of the `cenote` program. The first of: `explicit`; the environment variable `CENOTE_BIN`; the platform package; the in-repo
 * build (`target/release`, then `target/debug`), in a checkout only.
 *
 * @throws {SidecarError} `SIDECAR_NOT_FOUND` when there is none.
 */
export function findBinary(explicit?: string): string {
  const named = explicit ?? process.env["CENOTE_BIN"];
  if (named) {
    if (existsSync(named)) return named;
    const option = explicit === undefined ? "CENOTE_BIN" : "sidecar.binary";
    throw new SidecarError("SIDECAR_NOT_FOUND", `${option} names ${named}, which is not there`, { option });
  }
  const name = process.platform === "win32" ? "cenote.exe" : "cenote";
  const candidates = [fromPackage(name), ...fromCheckout(name)];
  for (const candidate of candidates) {
    if (candidate !== undefined && existsSync(candidate)) return candidate;
  }
  throw new SidecarError(
    "SIDECAR_NOT_FOUND",
    `there is no cenote program: install ${platformPackage()}, set CENOTE_BIN, or build one with \`cargo build --release\` in a checkout`,
    { option: "sidecar.binary" },
  );
}

function fromPackage(name: string): string | undefined {
  try {
    const require = createRequire(import.meta.url);
    return join(dirname(require.resolve(`${platformPackage()}/package.json`)), "bin", name);
  } catch {
    return undefined;
  }
}

/** Builds above this file, when this file lies in `sdk/typescript` of a checkout. */
function fromCheckout(name: string): string[] {
  let directory = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    if (existsSync(join(directory, "sdk", "typescript", "package.json")) && existsSync(join(directory, "Cargo.toml"))) {
      const target = process.env["CARGO_TARGET_DIR"] ?? join(directory, "target");
      return ["release", "debug"].map((profile) => join(target, profile, name));
    }
    const parent = dirname(directory);
    if (parent === directory) return [];
    directory = parent;
  }
}
