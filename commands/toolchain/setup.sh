#!/bin/bash
# Makes the toolchain: [PREFIX=dir] ./setup.sh, on Debian 12 or later, as root (or with the packages already there and NOAPT=1).
# From apt, npm and the files beside this script to $PREFIX/{sysroot,bin/cc,bin/post-link,binaryen}. A second run builds a new sysroot
# beside the old one and then swaps them, so that compilers at work are not disturbed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd); V=22; J=${J:-2}; BINARYEN=132
PREFIX=${PREFIX:-${XDG_CACHE_HOME:-$HOME/.cache}/cenote/linux-toolchain}
mkdir -p "$PREFIX"/{bin,src,log}; PREFIX=$(cd "$PREFIX" && pwd)
say() { echo "[$(date +%T)] $*"; }
stamp="$(cat "$here"/{setup.sh,cc.in,post-link.in,cannot-fork.py} $(find "$here/musl" -type f | LC_ALL=C sort) | sha256sum | cut -c1-64)"
if [ "$(cat "$PREFIX/stamp" 2>/dev/null)" = "$stamp" ]; then say "up to date: $PREFIX"; exit 0; fi

if [ -z "${NOAPT:-}" ]; then
  say packages
  apt-get update -qq > "$PREFIX/log/apt" 2>&1
  apt-get install -y -qq clang-$V lld-$V llvm-$V libclang-rt-$V-dev-wasm32 linux-libc-dev make gcc patch zstd python3 dpkg-dev \
    autoconf automake libtool autopoint bc bison flex texinfo ncurses-bin ncurses-term gperf >> "$PREFIX/log/apt" 2>&1
fi

# musl 1.2.5 is in Debian 13: read its source index by a private apt state, from the mirror that this machine already uses
say "musl source"
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | sed -n "s/^URIs: *\([^ ]*\).*/\1/p; s/^deb \(\[[^]]*\] \)\?\([^ ]*\/debian\)\/\? .*/\2/p" | grep -m1 "/debian/*$" || true)
: "${mirror:?no Debian mirror found in the apt sources}"
A="$PREFIX/src/apt"; mkdir -p "$A"/lists/partial "$A"/cache/archives/partial "$A"/empty
echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" > "$A/sources.list"
apt_() { apt-get -o Dir::Etc::sourcelist="$A/sources.list" -o Dir::Etc::sourceparts="$A/empty" -o Dir::State::lists="$A/lists" -o Dir::Cache="$A/cache" -o APT::Sandbox::User=root "$@"; }
cd "$PREFIX/src"
[ -f musl_1.2.5.orig.tar.gz ] || { apt_ update -qq; apt_ source -qq --download-only musl; } > "$PREFIX/log/musl-source" 2>&1
rm -rf musl-1.2.5; dpkg-source --no-check -x musl_1.2.5-*.dsc musl-1.2.5 > "$PREFIX/log/musl-unpack" 2>&1   # applies Debian's patches (three CVE repairs among them)
cd musl-1.2.5
# the model of x32 (long 32 bit, kernel structures of x86_64) with the plain numbers of x86_64
cp -r arch/x32 arch/wasm32
rm arch/wasm32/bits/io.h                                        # port i/o in assembly
cp arch/x86_64/bits/syscall.h.in arch/aarch64/bits/float.h arch/wasm32/bits/   # float.h: 128-bit long double
sed -i 's/^#define _Addr int$/#define _Addr long/; s/^#define _Reg long long$/#define _Reg long/' arch/wasm32/bits/alltypes.h.in   # size_t as the compiler has it; nlink_t 32 bit ..
sed -i 's/nlink_t st_nlink;/nlink_t st_nlink; unsigned __pad_nlink;/' arch/wasm32/bits/stat.h arch/wasm32/kstat.h                 # .. and 64 on the wire
cp -r "$here"/musl/overlay/. .
patch -s -p1 < "$here/musl/musl.patch"
python3 "$here/musl/gen-syscalls.py" "$here/musl/syscalls.tab" c > arch/wasm32/wali_syscall.h

rt=$(find /usr/lib/llvm-$V/lib/clang/$V/lib /usr/lib/clang/$V/lib -name 'libclang_rt.builtins*.a' 2>/dev/null | grep wasm32 | head -1)
: "${rt:?no libclang_rt builtins for wasm32}"
for f in cc post-link; do
  sed "s|@PREFIX@|$PREFIX|g; s|@V@|$V|g; s|@RT@|$rt|g" "$here/$f.in" > "$PREFIX/bin/$f.new"
  chmod +x "$PREFIX/bin/$f.new"
done

say "musl build"
export LLVM_V=$V
new="$PREFIX/sysroot.new"; rm -rf "$new"
CC="$PREFIX/bin/cc.new" AR=llvm-ar-$V RANLIB=llvm-ranlib-$V ./configure --target=wasm32 --prefix="$new" --disable-shared --disable-wrapper > "$PREFIX/log/musl-configure" 2>&1
make -j"$J" > "$PREFIX/log/musl-make" 2>&1 || { grep -m3 -E 'error|Error' "$PREFIX/log/musl-make"; exit 1; }
make install >> "$PREFIX/log/musl-make" 2>&1
for d in linux asm-generic mtd; do cp -rL /usr/include/$d "$new/include/"; done    # kernel headers
cp -rL "/usr/include/$(gcc -print-multiarch)/asm" "$new/include/"
echo '#include <asm/unistd_64.h>' > "$new/include/asm/unistd.h"              # not x32's numbers
# kernel headers mean 64 bits by long in ioctl numbers (FS_IOC_GETFLAGS) and in these two files' structures
cd "$new/include/linux"
grep -rlE '_IO[RW]*\(.*\blong\)' . | xargs sed -i -E '/long long/!s/(_IO[RW]*\(.*\blong)\)/\1 long)/'
sed -i -E 's/\bunsigned long\b/unsigned long long/' if.h route.h

say binaryen
mkdir -p "$PREFIX/binaryen"; cd "$PREFIX/binaryen"
[ -x node_modules/.bin/wasm-opt ] || npm install --silent --no-fund --no-audit binaryen@$BINARYEN > "$PREFIX/log/npm" 2>&1

rm -rf "$PREFIX/sysroot.old"; [ ! -e "$PREFIX/sysroot" ] || mv "$PREFIX/sysroot" "$PREFIX/sysroot.old"
mv "$new" "$PREFIX/sysroot"; rm -rf "$PREFIX/sysroot.old"
cp "$here/cannot-fork.py" "$PREFIX/bin/cannot-fork.py"
for f in cc post-link; do mv "$PREFIX/bin/$f.new" "$PREFIX/bin/$f"; done
echo "$stamp" > "$PREFIX/stamp"
say "done: $PREFIX"
