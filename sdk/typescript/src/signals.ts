/** Signals by number, as Linux counts them on x86-64 (the machine's, whatever the host is). */
import { OptionError } from "./errors.js";

const NAMES = [
  "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS",
]
  .join(" ")
  .split(" ");

/** The number of a signal given by name (`SIGTERM`) or number. */
export function signalNumber(signal: string | number): number {
  if (typeof signal === "number") {
    if (Number.isInteger(signal) && signal >= 0 && signal <= 64) return signal;
  } else {
    const index = NAMES.indexOf(signal.replace(/^SIG/, ""));
    if (index >= 0) return index + 1;
  }
  throw new OptionError("signal", `${String(signal)} is no signal`);
}

/** The name of a signal, e.g. `SIGTERM`; `null` for 0. */
export function signalName(number: number): string | null {
  if (number === 0) return null;
  const name = NAMES[number - 1];
  return name === undefined ? `SIG${number}` : `SIG${name}`;
}
