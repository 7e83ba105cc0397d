/**
 * Folders in which this package keeps files between runs: those of the `cenote` program, so that one variable moves all of them.
 */
import { join } from "node:path";

/**
 * The folder called `name` in the user's caches: below `CENOTE_CACHE_DIR`, else below `cenote` in `XDG_CACHE_HOME` or `~/.cache`. Undefined when
 * `CENOTE_CACHE_DIR` is empty, or there is no home directory: nothing is to be kept. (The same in Rust: `kernel/base/src/cache_dir.rs`.)
 */
export function cacheDirectory(name: string): string | undefined {
  const { CENOTE_CACHE_DIR: given, XDG_CACHE_HOME: caches, HOME: home } = process.env;
  if (given !== undefined) return given === "" ? undefined : join(given, name);
  if (caches) return join(caches, "cenote", name);
  return home ? join(home, ".cache", "cenote", name) : undefined;
}
