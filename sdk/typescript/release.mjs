// Makes what is published: DIRECTORY/cenote, the package, and DIRECTORY/linux-x64, the platform package with the program: stripped, compressed.
//
//     npm ci && node release.mjs DIRECTORY [PROGRAM]      # PROGRAM is CENOTE_BIN or target/release/cenote unless given
//     npm publish DIRECTORY/linux-x64 && npm publish DIRECTORY/cenote
//
// The package of the checkout does not name the platform packages: they are not on a registry, and a stranger's of that name must not be installed.
// src/sidecar/packed.ts unpacks the program; docs/decisions/0027-packed-program.md has the reasons and the numbers.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, cpSync, createReadStream, createWriteStream, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { constants, createBrotliCompress } from "node:zlib";

/** The platforms there are builds for. */
const PLATFORMS = ["linux-x64"];
const ARCHIVE = "cenote.br";

function writeJson(file, value) {
  writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);
}

/**
 * Writes the package of a program, as it is, into a directory that it makes. `quality`: 0 (quick) to 11 (small).
 *
 * @param {{ program: string, directory: string, version: string, quality?: number }} about
 */
export async function writePlatform({ program, directory, version, quality = 6 }) {
  mkdirSync(directory, { recursive: true });
  const { size } = statSync(program);
  const hash = createHash("sha256");
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: quality,
    // The largest window of the standard format: unpacking takes 16 MiB of memory.
    [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
    [constants.BROTLI_PARAM_SIZE_HINT]: size,
  };
  const read = createReadStream(program, { highWaterMark: 1 << 20 }).on("data", (chunk) => hash.update(chunk));
  await pipeline(read, createBrotliCompress({ params }), createWriteStream(join(directory, ARCHIVE)));
  const { platform, arch } = process;
  writeJson(join(directory, "package.json"), {
    name: `@cenote/${platform}-${arch}`,
    version,
    description: `The program of the package cenote for ${platform} on ${arch}, compressed; cenote unpacks it on first use`,
    license: "SEE LICENSE IN THIRD_PARTY_NOTICES.md",
    os: [platform],
    cpu: [arch],
    ...(platform === "linux" ? { libc: ["glibc"] } : {}),
    cenote: { archive: ARCHIVE, bytes: size, sha256: hash.digest("hex") },
  });
}

/** Writes the package itself, compiled, with the platform packages as optional dependencies: npm installs the one that fits. */
function writePackage(directory) {
  const here = fileURLToPath(new URL(".", import.meta.url));
  const { private: _, scripts: __, devDependencies: ___, ...manifest } = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
  const options = ["-p", join(here, "tsconfig.build.json"), "--outDir", join(directory, "dist")];
  execFileSync(process.execPath, [join(here, "node_modules/typescript/bin/tsc"), ...options], { stdio: "inherit" });
  cpSync(join(here, "src"), join(directory, "src"), { recursive: true });
  copyFileSync(join(here, "README.md"), join(directory, "README.md"));
  const optionalDependencies = Object.fromEntries(PLATFORMS.map((name) => [`@cenote/${name}`, manifest.version]));
  writeJson(join(directory, "package.json"), { ...manifest, optionalDependencies });
  return manifest.version;
}

async function main([directory, named]) {
  if (directory === undefined) throw new Error("name the directory to write");
  const repository = fileURLToPath(new URL("../..", import.meta.url));
  const program = named ?? process.env.CENOTE_BIN ?? join(repository, "target/release/cenote");
  const ours = join(directory, "cenote");
  const platform = join(directory, `${process.platform}-${process.arch}`);
  const version = writePackage(ours);
  const place = mkdtempSync(join(tmpdir(), "cenote-release-"));
  try {
    const shipped = join(place, "cenote");
    copyFileSync(program, shipped);
    execFileSync("strip", [shipped]);
    await writePlatform({ program: shipped, directory: platform, version });
  } finally {
    rmSync(place, { recursive: true });
  }
  for (const to of [ours, platform]) for (const file of ["LICENSE", "NOTICE"]) copyFileSync(join(repository, file), join(to, file));
  mkdirSync(join(platform, "registry"), { recursive: true });
  for (const file of ["THIRD_PARTY_NOTICES.md", "registry/NOTICES.md"]) copyFileSync(join(repository, file), join(platform, file));
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) await main(process.argv.slice(2));
