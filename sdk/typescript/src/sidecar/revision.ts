/** Which revision of the contract this package speaks, and what it says to a sidecar of an older one. */
import { SidecarError } from "../errors.js";

/** The revision of the messages in `src/gen`: `cenote_proto::REVISION`. */
export const REVISION = 6;

/**
 * A server passes over fields it does not know, so an older one might grant what an option meant to refuse. A newer one only has more.
 *
 * @throws {SidecarError} `SIDECAR_REVISION`.
 */
export function checkRevision(theirs: unknown, version: unknown, who: string): void {
  if (typeof theirs === "number" && theirs >= REVISION) return;
  const told = typeof theirs === "number" && theirs > 0 ? `revision ${theirs}` : "an older revision";
  throw new SidecarError(
    "SIDECAR_REVISION",
    `${who} (version ${String(version ?? "unknown")}) speaks ${told} of the contract, this package needs ${REVISION}: use a cenote program of the package's version`,
    { option: "sidecar.binary" },
  );
}
