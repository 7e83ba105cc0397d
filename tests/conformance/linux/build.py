#!/usr/bin/env python3
"""Prepares the WALI unit tests for the runner: modules.tar.zst, cases.toml and SOURCE.toml, from the suite's archive.

    build.py ../../../../shared/suites/wali-tests.tar.zst

Only the built modules are kept in the repository; the suite itself is not (README.md). Needs the toolchain of
commands/toolchain (CENOTE_TOOLCHAIN, default ~/.cache/cenote/linux-toolchain) and zstd.

 * tests/NAME.wasm: the module that the suite ships, made by WALI's own toolchain, unmodified; but those that fork go through
   asyncify for wali.SYS_fork, as every program of ours that forks, and get the exports a host needs for that.
 * hooks/NAME.wasm: the test's set-up and clean-up functions, compiled with our C toolchain.
"""
import hashlib
import io
import os
import pathlib
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
        if kind == 2:
            body = body.replace(b"\x04wali\x08SYS_exit\x00", b"\x04wali\x0b__proc_exit\x00")
        if kind == 7:
            count, at = leb(body, 0)
            fresh = [e for e in exports if encode(len(e[0])) + e[0].encode() not in body]
            added = b"".join(encode(len(name)) + name.encode() + bytes([what]) + encode(index) for name, what, index in fresh)
            body = encode(count + len(fresh)) + body[at:] + added
        out += bytes([kind]) + encode(len(body)) + body
    return out


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
