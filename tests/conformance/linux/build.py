#!/usr/bin/env python3
"""Prepares the WALI unit tests for the runner: modules.tar.zst, cases.toml and SOURCE.toml, from the suite's archive.

    build.py ../../../../shared/suites/wali-tests.tar.zst

Only the built modules are kept in the repository; the suite itself is not (README.md). Needs the toolchain of
commands/toolchain (CENOTE_TOOLCHAIN, default ~/.cache/cenote/linux-toolchain) and zstd.

 * tests/NAME.wasm: the module that the suite ships, made by WALI's own toolchain. It declares a shared memory and uses atomic
   operations in its C library's locks; both become plain ones, for no test starts a thread. Those that fork go through
   asyncify for wali.SYS_fork, as every program of ours that forks, and get the exports a host needs for that.
 * hooks/NAME.wasm: the test's set-up and clean-up functions, compiled with our C toolchain.
"""
import hashlib
import io
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tarfile
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TOOLCHAIN = pathlib.Path(os.environ.get("CENOTE_TOOLCHAIN", pathlib.Path.home() / ".cache/cenote/linux-toolchain"))


def leb(data, at):
    result = shift = 0
    while True:
        byte = data[at]
        at += 1
        result |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return result, at


def encode(number):
    out = b""
    while True:
        byte, number = number & 127, number >> 7
        if not number:
            return out + bytes([byte])
        out += bytes([byte | 128])


def sections(module):
    at = 8
    while at < len(module):
        kind = module[at]
        size, at = leb(module, at + 1)
        yield kind, module[at:at + size]
        at += size


def forks(module):
    return b"\x04wali\x08SYS_fork" in module


def with_exports(module, exports):
    """Adds exports (name, kind, index) that are not there yet.

    Three of these modules declare SYS_exit without a result, which no host can link beside one with: they get __proc_exit.
    """
    out = module[:8]
    for kind, body in sections(module):
        if kind == 2 and exits_without_result(module):
            body = body.replace(b"\x04wali\x08SYS_exit\x00", b"\x04wali\x0b__proc_exit\x00")
        if kind == 7:
            count, at = leb(body, 0)
            fresh = [e for e in exports if encode(len(e[0])) + e[0].encode() not in body]
            added = b"".join(encode(len(name)) + name.encode() + bytes([what]) + encode(index) for name, what, index in fresh)
            body = encode(count + len(fresh)) + body[at:] + added
        out += bytes([kind]) + encode(len(body)) + body
    return out


# Atomic operations by the second byte of their code: what stands in for them where there is one thread. Each is four bytes with its
# alignment (2 for i32, 3 for i64) and offset 0, and so is what replaces it: a plain access and a nop, or a call with a padded number.
LOAD, STORE, NOP = b"\x28\x02\x00", b"\x36\x02\x00", b"\x01"
PLAIN = {0x10: LOAD + NOP, 0x17: STORE + NOP}
OLD = b"\x20\x00" + LOAD + b"\x21\x02"  # local 2 = *local 0
LOAD64, STORE64 = b"\x29\x03\x00", b"\x37\x03\x00"
OLD64 = b"\x20\x00" + LOAD64 + b"\x21\x02"
CALLED = {
    0x2D: ("iI", OLD64 + b"\x20\x00\x20\x02\x20\x01\x83" + STORE64 + b"\x20\x02"),  # and
    0x34: ("iI", OLD64 + b"\x20\x00\x20\x02\x20\x01\x84" + STORE64 + b"\x20\x02"),  # or
    0x00: ("ii", b"\x41\x00"),  # notify: nobody waits
    0x01: ("iiI", b"\x41\x01"),  # wait32: the value is another by now
    0x1E: ("ii", OLD + b"\x20\x00\x20\x02\x20\x01\x6a" + STORE + b"\x20\x02"),  # add
    0x25: ("ii", OLD + b"\x20\x00\x20\x02\x20\x01\x6b" + STORE + b"\x20\x02"),  # sub
    0x2C: ("ii", OLD + b"\x20\x00\x20\x02\x20\x01\x71" + STORE + b"\x20\x02"),  # and
    0x33: ("ii", OLD + b"\x20\x00\x20\x02\x20\x01\x72" + STORE + b"\x20\x02"),  # or
    0x41: ("ii", OLD + b"\x20\x00\x20\x01" + STORE + b"\x20\x02"),  # exchange
    0x48: ("iii", b"\x20\x00" + LOAD + b"\x22\x03\x20\x01\x46\x04\x40\x20\x00\x20\x02" + STORE + b"\x0b\x20\x03"),  # compare, exchange
}


def answer(code):
    return "I" if CALLED[code][0] == "iI" else "i"


def pattern(code):
    return bytes([0xFE, code, 3 if answer(code) == "I" else 2, 0])


def unshared(module):
    """A module of WALI's toolchain with a memory of its own: it declares a shared one, for threads that these tests do not start."""
    parts = list(sections(module))
    imported = sum(1 for _ in function_imports(dict(parts).get(2, b"\0")))
    types, start = leb(dict(parts)[1], 0)
    functions, _ = leb(dict(parts)[3], 0)
    used = [code for code in CALLED if pattern(code) in dict(parts)[10]]
    out = module[:8]
    for kind, body in parts:
        count, at = leb(body, 0) if kind in (1, 3, 10) else (0, 0)
        rest = body[at:]
        if kind == 1:
            kinds = {"i": b"\x7f", "I": b"\x7e"}
            extra = [b"\x60" + encode(len(CALLED[c][0])) + b"".join(kinds[k] for k in CALLED[c][0]) + b"\x01" + kinds[answer(c)] for c in used]
            body = encode(count + len(used)) + rest + b"".join(extra)
        elif kind == 3:
            body = encode(count + len(used)) + rest + b"".join(encode(types + i) for i in range(len(used)))
        elif kind == 5:
            body = body.replace(b"\x01\x03", b"\x01\x01", 1)
        elif kind == 10:
            # The same with an offset that the linker filled in, of five bytes.
            for code, plain in PLAIN.items():
                far = re.compile(bytes([0xFE, code, 2]) + rb"([\x80-\xff]{4}[\x00-\x0f])", re.DOTALL)
                rest = far.sub(lambda match: plain[:2] + match[1] + NOP, rest)
            for code, plain in PLAIN.items():
                rest = rest.replace(bytes([0xFE, code, 2, 0]), plain)
            for i, code in enumerate(used):
                index = imported + functions + i
                call = bytes([0x10, index & 127 | 128, index >> 7 & 127 | 128, index >> 14])
                rest = rest.replace(pattern(code), call)
            local = {"i": b"\x7f", "I": b"\x7e"}
            bodies = [b"\x01\x01" + local[answer(c)] + CALLED[c][1] + b"\x0b" for c in used]
            body = encode(count + len(used)) + rest + b"".join(encode(len(b)) + b for b in bodies)
        elif kind == 0 and body[1:16] == b"target_features":
            continue
        out += bytes([kind]) + encode(len(body)) + body
    return out


def function_imports(body):
    count, at = leb(body, 0)
    for _ in range(count):
        for _ in range(2):
            size, at = leb(body, at)
            at += size
        kind, at = body[at], at + 1
        if kind != 0:
            raise ValueError("an import that is no function")
        index, at = leb(body, at)
        yield index


def exits_without_result(module):
    """Whether SYS_exit is imported as (i32) -> (), which is against the specification."""
    parts = dict(sections(module))
    place = parts[2].find(b"\x04wali\x08SYS_exit\x00")
    if place < 0:
        return False
    wanted, _ = leb(parts[2], place + len(b"\x04wali\x08SYS_exit\x00"))
    count, at = leb(parts[1], 0)
    for index in range(count):
        lists = []
        at += 1
        for _ in range(2):
            size, at = leb(parts[1], at)
            lists.append(size)
            at += size
        if index == wanted:
            return lists[1] == 0
    return False


def prepared(module, scratch):
    """A module that forks, made able to."""
    source, target = scratch / "in.wasm", scratch / "out.wasm"
    # Global 0 is the stack pointer in everything that wasm-ld links.
    source.write_bytes(with_exports(module, [("__stack_pointer", 3, 0), ("__indirect_function_table", 1, 0)]))
    flags = "simd bulk-memory sign-ext mutable-globals nontrapping-float-to-int reference-types multivalue".split()
    subprocess.run(
        ["node", "--stack-size=8000", TOOLCHAIN / "binaryen/node_modules/.bin/wasm-opt"] + ["--enable-" + f for f in flags]
        + [source, "-O1", "--asyncify", "--pass-arg=asyncify-imports@wali.SYS_fork", "--pass-arg=asyncify-export-globals", "-o", target],
        check=True)
    return target.read_bytes()


def hooks(suite, name, scratch):
    raw, out = scratch / "hooks.raw", scratch / "hooks.wasm"
    subprocess.run([TOOLCHAIN / "bin/cc", "-O1", "-w", "-DWALI_TEST_WRAPPER", "-I.", "-Icommon", "common/hooks_main.c",
                    f"unit/{name}.c", "-o", raw], cwd=suite, check=True, stderr=subprocess.DEVNULL)
    if all(kind != 13 for kind, _ in sections(raw.read_bytes())):
        return raw.read_bytes()  # no tags: no setjmp, nothing to translate
    out.unlink(missing_ok=True)
    subprocess.run([TOOLCHAIN / "bin/post-link", raw, out], env=dict(os.environ, OPT="-O1"), check=True,
                   stdout=subprocess.DEVNULL)
    return out.read_bytes()


def runs(source):
    """The `// CMD:` lines, read as the suite's own runner reads them."""
    found = []
    for line in source.splitlines():
        line = line.strip()
        if not line.startswith("// CMD:"):
            continue
        run = {"setup": [], "args": [], "cleanup": [], "env": []}
        for part in shlex.split(line[len("// CMD:"):]):
            key, equals, value = part.partition("=")
            if equals and key in run:
                run[key] += shlex.split(value)
            else:
                run["setup"].append(part)
                run["args"].append(part)
        run["cleanup"] = run["cleanup"] or run["setup"]
        found.append(run)
    return found or [{"setup": [], "args": [], "cleanup": [], "env": []}]


def quoted(words):
    return "[" + ", ".join('"' + w.replace("\\", "\\\\").replace('"', '\\"') + '"' for w in words) + "]"


def main(archive):
    files = {}
    cases = ["# Written by build.py from the `// CMD:` lines of the WALI unit tests: each run is set-up, test, clean-up.\n"]
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        subprocess.run(f"zstd -dcq {shlex.quote(str(archive))} | tar -x -C {place}", shell=True, check=True)
        suite = place / "wali-tests"
        for source in sorted(suite.glob("unit/*.c")):
            name = source.stem
            module = (suite / f"bin/unit/wasm/{name}.wasm").read_bytes()
            module = unshared(module)
            files[f"tests/{name}.wasm"] = prepared(module, place) if forks(module) else module
            files[f"hooks/{name}.wasm"] = hooks(suite, name, place)
            for run in runs(source.read_text()):
                cases.append(f'[[{name}]]\n' + "".join(f"{key} = {quoted(run[key])}\n" for key in ("setup", "args", "cleanup", "env") if run[key]))
            print(name, len(files[f"hooks/{name}.wasm"]), file=sys.stderr)
        pin = (suite / "SOURCE").read_text().strip()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in sorted(files):
            info = tarfile.TarInfo(name)
            info.size = len(files[name])
            tar.addfile(info, io.BytesIO(files[name]))
    subprocess.run(["zstd", "-q", "-19", "--long=24", "-f", "-o", HERE / "modules.tar.zst"], input=packed.getvalue(), check=True)
    (HERE / "cases.toml").write_text("\n".join(cases))
    digest = hashlib.sha256(pathlib.Path(archive).read_bytes()).hexdigest()
    (HERE / "SOURCE.toml").write_text(
        "# The WALI unit tests; modules.tar.zst and cases.toml were made from this archive by build.py.\n"
        f'[wali]\nfile = "wali-tests.tar.zst"\nsha256 = "{digest}"\nrevision = "{pin}"\n'
        'obtain = "the folder tests/ of that revision, with its modules built (`make wasm`), packed by tar and zstd"\n')



main(sys.argv[1])
