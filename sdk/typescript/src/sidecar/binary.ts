/**
 * Where the `cenote` program is: named, in the environment, packed in a platform package, or built in this checkout.
 */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { SidecarError } from "../errors.js";
import { readPacked, unpacked } from "./packed.js";

/** The package with the binary for this platform: `@cenote/linux-x64` … */
export function platformPackage(platform: string = process.platform, arch: string = process.arch): string {
  return `@cenote/${platform}-${arch}`;
}

/**
 * The path of the `cenote` program. The first of: `explicit`; the environment variable `CENOTE_BIN`; the platform package, whose program is
 * unpacked when it is first used; the in-repo build (`target/release`, then `target/debug`), in a checkout only.
 *
 * @throws {SidecarError} `SIDECAR_NOT_FOUND` when there is none, `SIDECAR_DAMAGED` and `SIDECAR_CACHE` when the platform package's cannot be unpacked.
 */
export async function findBinary(explicit?: string): Promise<string> {
  const named = explicit ?? process.env["CENOTE_BIN"];
  if (named) {
    if (existsSync(named)) return named;
    const option = explicit === undefined ? "CENOTE_BIN" : "sidecar.binary";
    throw new SidecarError("SIDECAR_NOT_FOUND", `${option} names ${named}, which is not there`, { option });
  }
  const manifest = platformManifest();
  if (manifest !== undefined) return unpacked(readPacked(manifest));
  const built = fromCheckout(process.platform === "win32" ? "cenote.exe" : "cenote").find((path) => existsSync(path));
  if (built !== undefined) return built;
  throw new SidecarError(
    "SIDECAR_NOT_FOUND",
    `there is no cenote program: install ${platformPackage()}, set CENOTE_BIN, or build one with \`cargo build --release\` in a checkout`,
    { option: "sidecar.binary" },
  );
}

/** The manifest of the platform package, where that is installed. */
function platformManifest(): string | undefined {
  try {
    return createRequire(import.meta.url).resolve(`${platformPackage()}/package.json`);
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
