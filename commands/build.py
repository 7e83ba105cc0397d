#!/usr/bin/env python3
"""Builds the programs that ship: recipes/NAME.toml to registry/wasm/*.wasm.zst, *.pack and SOURCE.toml.

    commands/build.py [NAME...]        these recipes (and the libraries they need), or all of them, in order
    commands/build.py --list           the recipes, in building order
    commands/build.py --relink NAME... post-links again what was built before, after a change of the toolchain's post-link
    commands/build.py --resume NAME    goes on from `configured`, in the sources as they lie
    commands/build.py --notices        writes registry/NOTICES.md from the packages
    commands/build.py --pin NAME...    writes the sources' digests into the recipes

Needs the toolchain (toolchain/setup.sh) in $PREFIX. Sources come by apt from the mirror that this machine uses, into $PREFIX/work.
A recipe says (all but `source`, `version`, `licence` optional):
    source, version   Debian source package and its version; `sources` the digests of its files
    patches           true: apply Debian's patches
    needs             recipes of libraries to build before
    stack, heap       bytes, for the linker (see toolchain/CONTRACT.md)
    prepare           shell lines before configure; `autoreconf`: run it where the package has no ./configure
    directory         where to work, inside the sources
    configure         arguments (none: not run); `environment` variables for all steps
    configured        shell lines after configure
    make              a list of argument lists
    install           shell lines after make; $TREE is a directory whose files are packed as they shall lie in the VM, $LIB the libraries' prefix
    module            file, name, fpcast, never_fork, optimise (arguments of wasm-opt in place of -O2): what goes through post-link
    pack              name of the pack for $TREE
"""
import fcntl, hashlib, os, re, shutil, subprocess, sys, time, tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPO = HERE.parent
RECIPES = HERE / "recipes"
OUT = REPO / "registry" / "wasm"
PREFIX = Path(os.environ.get("PREFIX") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cenote/linux-toolchain")
WORK = PREFIX / "work"
LIB = WORK / "lib"
LLVM = "22"
ORDER = ["dash", "bash", "coreutils", "grep", "sed", "findutils", "diffutils", "gawk", "gzip", "tar", "patch", "make", "zlib", "ncurses", "procps", "less", "bzip2", "xz",
         "file", "oniguruma", "jq", "sqlite3", "git", "nano", "zstd", "mbedtls", "curl", "terminfo", "xxd", "vim", "python3"]


def recipe(name):
    return tomllib.loads((RECIPES / f"{name}.toml").read_text())


def digest(data):
    return hashlib.sha256(data).hexdigest()


def toolchain_digest():
    stamp = PREFIX / "stamp"
    return stamp.read_text().strip() if stamp.exists() else sys.exit(f"no toolchain in {PREFIX}: run commands/toolchain/setup.sh")


class Apt:
    """A private apt state with source indexes, so that the machine's own settings stay as they are."""
    def __init__(self):
        self.root = WORK / "apt"
        for d in ("lists/partial", "cache/archives/partial", "empty"):
            (self.root / d).mkdir(parents=True, exist_ok=True)
        if not (self.root / "updated").exists():
            listed = "\n".join(p.read_text() for p in [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")] if p.is_file())
            mirrors = re.findall(r"(?m)^URIs: *(\S*/debian(?:-security)?)/?$", listed) + re.findall(r"(?m)^deb (?:\[[^]]*\] )?(\S*/debian(?:-security)?)/? ", listed)
            suites = {"debian": ["bookworm", "bookworm-updates"], "debian-security": ["bookworm-security"]}
            lines = {f"deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {m} {s} main" for m in mirrors for s in suites[m.rsplit("/", 1)[1]]}
            (self.root / "sources.list").write_text("\n".join(sorted(lines)) + "\n")
            self.run("update", "-qq")
            (self.root / "updated").touch()

    def run(self, *args, cwd=None):
        r = self.root
        subprocess.run(["apt-get", "-o", f"Dir::Etc::sourcelist={r}/sources.list", "-o", f"Dir::Etc::sourceparts={r}/empty", "-o", f"Dir::State::lists={r}/lists",
                        "-o", f"Dir::Cache={r}/cache", "-o", "APT::Sandbox::User=root", *args], cwd=cwd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Build:
    def __init__(self, name):
        self.name, self.r = name, recipe(name)
        self.source = WORK / "src" / name
        self.tree = WORK / "tree" / name
        self.log = WORK / "log" / name
        for d in (self.source.parent, self.tree.parent, self.log.parent, LIB / "lib", LIB / "include", WORK / "dl", WORK / "bin"):
            d.mkdir(parents=True, exist_ok=True)
        self.env = dict(os.environ, PREFIX=str(PREFIX), CC=f"{PREFIX}/bin/cc", AR=f"llvm-ar-{LLVM}", RANLIB=f"llvm-ranlib-{LLVM}", NM=f"llvm-nm-{LLVM}", STRIP="true",
                        CC_FOR_BUILD="gcc", BUILD_CC="gcc", HOSTCC="gcc", CFLAGS="-O2", PKG_CONFIG="false", TREE=str(self.tree), LIB=str(LIB), FORCE_UNSAFE_CONFIGURE="1",
                        RECIPE=str(RECIPES))
        if self.r.get("needs"):
            self.env |= {"CPPFLAGS": f"-I{LIB}/include", "LDFLAGS": f"-L{LIB}/lib"}
        for key, variable in (("stack", "CENOTE_STACK"), ("heap", "CENOTE_HEAP")):
            if key in self.r:
                self.env[variable] = str(self.r[key])
        self.env |= {k: v.replace("$LIB", str(LIB)) for k, v in self.r.get("environment", {}).items()}

    def sh(self, command, cwd, may_fail=False):
        with open(self.log, "a") as log:
            print("+", command, file=log, flush=True)
            done = subprocess.run(command, shell=isinstance(command, str), executable="/bin/bash" if isinstance(command, str) else None, cwd=cwd, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if done.returncode and not may_fail:
            seen = re.findall(r"(?m)^.*(?:\berror:|undefined symbol|cannot find|No rule|configure: error).*$", self.log.read_text(errors="replace"))
            raise SystemExit(f"{self.name}: failed: {(seen or ['see ' + str(self.log)])[-1][:300]}")

    def files(self):
        """The .dsc of the package and the files it lists, fetched if need be."""
        version = self.r["version"]
        dsc = WORK / "dl" / f"{self.r['source']}_{version.split(':', 1)[-1]}.dsc"
        if not dsc.exists():
            Apt().run("source", "-qq", "--download-only", f"{self.r['source']}={version}", cwd=dsc.parent)
        listed = re.search(r"(?m)^Checksums-Sha256:\n((?: .*\n)+)", dsc.read_text()).group(1)
        found = {line.split()[2]: line.split()[0] for line in listed.splitlines()}
        for name, want in found.items():
            if digest((dsc.parent / name).read_bytes()) != want:
                raise SystemExit(f"{self.name}: {name} is not what the package says")
        return dsc, found

    def unpack(self):
        dsc, found = self.files()
        if found != self.r.get("sources"):
            raise SystemExit(f"{self.name}: the sources are not those of the recipe (build.py --pin {self.name} to accept them)")
        shutil.rmtree(self.source, ignore_errors=True)
        self.sh(["dpkg-source", "--no-check", *([] if self.r.get("patches") else ["--skip-patches"]), "-x", str(dsc), str(self.source)], WORK)

    def run(self, resume=False):
        self.log.write_text("")
        shutil.rmtree(self.tree, ignore_errors=True)
        self.tree.mkdir(parents=True)
        r, began = self.r, time.monotonic()
        here = self.source / r.get("directory", "")
        if not resume:
            self.unpack()
            if "prepare" in r:
                self.sh("set -e\n" + r["prepare"], here)
            if r.get("autoreconf") and not (here / "configure").exists():
                self.sh(["autoreconf", "-fi"], here)
            if "configure" in r:
                args = [a.replace("$LIB", str(LIB)) for a in r["configure"]]
                self.sh(["./configure", *r.get("host", ["--host=wasm32-unknown-linux-musl", "--build=x86_64-linux-gnu"]), *args], here)
        if "configured" in r:
            self.sh("set -e\n" + r["configured"], here)
        for args in r.get("make", []):
            expanded = [os.path.expandvars(re.sub(r"\$(\w+)", lambda m: self.env.get(m[1], m[0]), a)) for a in args]
            self.sh(["make", "-j" + os.environ.get("J", "2"), *expanded], here, may_fail="-i" in args)
        if "install" in r:
            self.sh("set -e\n" + r["install"], here)
        made = [self.link(here, m) for m in r.get("module", [])]
        if "pack" in r:
            made.append(self.pack())
        print(f"[{time.strftime('%T')}] {self.name}: {', '.join(made) or 'library'} ({time.monotonic() - began:.0f} s)", flush=True)

    def relink(self):
        print(f"[{time.strftime('%T')}] {self.name}: {', '.join(self.post_link(m) for m in self.r['module'])} again", flush=True)

    def link(self, here, m):
        if not (here / m["file"]).exists():
            raise SystemExit(f"{self.name}: no {m['file']} was made")
        (WORK / "raw").mkdir(exist_ok=True)
        shutil.copy(here / m["file"], WORK / "raw" / m["name"])
        return self.post_link(m)

    def post_link(self, m):
        raw, linked = WORK / "raw" / m["name"], WORK / "bin" / m["name"]
        env = dict(self.env)
        if m.get("fpcast"):
            env["FPCAST"] = "1"
        if "optimise" in m:
            env["OPT"] = m["optimise"]
        if "never_fork" in m:
            env["NEVER_FORK"] = str(RECIPES / m["never_fork"])
        linked.unlink(missing_ok=True)
        done = subprocess.run([f"{PREFIX}/bin/post-link", str(raw), str(linked)], env=env, capture_output=True, text=True)
        if done.returncode or not linked.exists():
            raise SystemExit(f"{self.name}: post-link: {done.stdout[:300]}{done.stderr[:300]}")
        data = linked.read_bytes()
        packed = subprocess.run(["zstd", "-19", "-q", "-c", str(linked)], check=True, stdout=subprocess.PIPE).stdout
        file = f"{m['name']}.wasm.zst"
        ship({file: packed}, file, {"digest": digest(data), "size": len(data), "packed": digest(packed), **self.origin()})
        return f"{m['name']} {len(data) // 1024}k/{len(packed) // 1024}k"

    def origin(self):
        return {"source": self.r.get("source", self.name), "version": self.r.get("version", "-"), "toolchain": toolchain_digest()}

    def pack(self):
        """One blob of single zstd frames, one a file, and an index: so that a file is unpacked alone, when it is read."""
        name, blob, rows = self.r["pack"], bytearray(), []
        for path in sorted(self.tree.rglob("*")):
            at = "/" + str(path.relative_to(self.tree))
            if path.is_symlink():
                rows.append(f'{{ path = "{at}", link = "{os.readlink(path)}" }}')
            elif path.is_dir() and not any(path.iterdir()):
                rows.append(f'{{ path = "{at}", directory = true }}')
            elif path.is_file():
                data = path.read_bytes()
                packed = subprocess.run(["zstd", "-19", "-q", "-c"], input=data, check=True, stdout=subprocess.PIPE).stdout
                mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
                rows.append(f'{{ path = "{at}", mode = 0o{mode:o}, size = {len(data)}, digest = "{digest(data)}", at = {len(blob)}, length = {len(packed)} }}')
                blob += packed
        index = f"# Index of {name}.pack, written by commands/build.py.\nfiles = [\n" + "".join(f"    {row},\n" for row in rows) + "]\n"
        ship({f"{name}.pack": bytes(blob), f"{name}.pack.toml": index.encode()}, f"{name}.pack", {"digest": digest(bytes(blob)), "size": len(blob), **self.origin()})
        return f"{len(rows)} files {len(blob) // 1024}k"


def write(path, data):
    new = path.with_suffix(path.suffix + ".new")
    new.write_bytes(data)
    new.rename(path)


HEAD = """# What lies in this folder: written by commands/build.py, checked by the tests of cenote-registry. Digests are SHA-256.
# `digest` and `size` are of the module itself (or the pack), `packed` of the compressed file; `toolchain` is the stamp of commands/toolchain.
"""


def ship(files, file, row):
    """Writes files of registry/wasm together with the row that describes them."""
    with open(WORK / "lock", "w") as lock:      # two drivers may be at work
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name, data in files.items():
            write(OUT / name, data)
        record(OUT / "SOURCE.toml", file, row)


def record(path, file, row):
    rows = {m["file"]: m for m in tomllib.loads(path.read_text()).get("module", [])} if path.exists() else {}
    rows[file] = {"file": file, **row}
    text = HEAD
    for name in sorted(rows):
        text += "\n[[module]]\n" + "".join(f"{k} = {v if isinstance(v, int) else chr(34) + v + chr(34)}\n" for k, v in rows[name].items())
    write(path, text.encode())


def pin(name):
    found = Build(name).files()[1]
    path = RECIPES / f"{name}.toml"
    text = re.sub(r"(?ms)^\[sources\]\n(?:\"[^\n]*\n)*\n?", "", path.read_text()).rstrip() + "\n\n[sources]\n" + "".join(f'"{f}" = "{d}"\n' for f, d in sorted(found.items()))
    path.write_text(text)


NOTICES = """# Packaged commands: licences and sources

Written by `commands/build.py --notices` from `packages/`. The programs in `wasm/` are separate works under their own licences; none is
linked into Cenote. Each was built, unmodified, from the sources of the Debian package named here. Its files and their SHA-256 are in
`commands/recipes/<name>.toml` with every flag of the build, and the licences' full texts are in those sources (`COPYING`, `LICENSE`, `debian/copyright`).

To get the sources: `apt-get source <package>=<version>` from a Debian mirror, or snapshot.debian.org. To build the same programs from them:
`commands/build.sh <name>`. Whoever passes on Cenote with the GPL programs passes on these offers with it; on request the authors of Cenote give
the complete corresponding source of every GPL or LGPL program in `wasm/`, for as long as they distribute it.

Linked into the programs: musl 1.2.5 (MIT; Debian package musl of Debian 13, with the changes in `commands/toolchain/musl`), compiler-rt's builtins
(Apache-2.0 WITH LLVM-exception) of LLVM 22; zlib 1.2.13 (Zlib) in git, curl and python3; in python3 also bzip2 1.0.8, liblzma 5.4.1 and sqlite3 3.40.1 (see the table); ncurses 6.4 (X11) in less, nano, vim, watch and top;
oniguruma 6.9.8 (BSD-2-Clause) in jq; mbedtls 2.28.3 (Apache-2.0) in curl.

| package | version | licence | sources | project | commands |
|---|---|---|---|---|---|
"""


def notices():
    text = NOTICES
    for path in sorted((REPO / "registry/packages").glob("*.toml")):
        p = tomllib.loads(path.read_text())
        names = [m["path"].rsplit("/", 1)[1] for m in p.get("module", [])] + [f["path"].rsplit("/", 1)[1] for f in p.get("file", [])]
        text += f"| {p['name']} | {p['version']} | {p['licence']} | {p['source']} | {p['upstream']} | {' '.join(names)} |\n"
    write(REPO / "registry/NOTICES.md", text.encode())


def main():
    args = sys.argv[1:]
    if args[:1] == ["--list"]:
        return print("\n".join(ORDER))
    if args[:1] == ["--pin"]:
        return [pin(n) for n in args[1:] if "source" in recipe(n)] and None
    if args == ["--notices"]:
        return notices()
    toolchain_digest()
    if args[:1] == ["--relink"]:
        return [Build(n).relink() for n in args[1:]] and None
    if args[:1] == ["--resume"]:
        return Build(args[1]).run(resume=True)
    wanted = args or ORDER
    have, failed = set(), []
    for name in wanted:
        for need in [*recipe(name).get("needs", []), name]:
            # a library that was built before is not built again for its users
            if need in have or (need != name and need not in args and (WORK / "done" / need).exists()):
                continue
            try:
                Build(need).run()
            except SystemExit as stop:
                print(stop, flush=True)
                failed.append(need)
                break
            (WORK / "done").mkdir(exist_ok=True)
            (WORK / "done" / need).touch()
            have.add(need)
    if failed:
        sys.exit(f"failed: {' '.join(failed)}")


if __name__ == "__main__":
    main()
