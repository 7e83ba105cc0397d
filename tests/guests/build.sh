#!/bin/bash
# Builds every guest program for wasm and packs them: guests.tar.zst (the modules) and SOURCE.toml (what they were made from).
# Needs the toolchain of commands/toolchain; nobody needs this to run the tests. Only what changed is compiled again.
#   CENOTE_TOOLCHAIN  where the toolchain lies (default: ~/.cache/cenote/linux-toolchain)
set -euo pipefail
cd "$(dirname "$0")"
export LC_ALL=C
toolchain=${CENOTE_TOOLCHAIN:-$HOME/.cache/cenote/linux-toolchain}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/cenote/guests
mkdir -p "$cache"
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
compiler=$(sha256sum < "$toolchain/bin/cc" | cut -c1-16)$(sha256sum < "$toolchain/bin/post-link" | cut -c1-16)$(sha256sum < "$toolchain/sysroot/lib/libc.a" | cut -c1-16)

digest() { cat guest.h "$1" | sha256sum | cut -d' ' -f1; }

build() {
    local source=$1 name=${1%.c} sum key
    sum=$(digest "$source")
    key=$(echo "$sum $compiler" | sha256sum | cut -d' ' -f1)
    if [ ! -s "$cache/$key.wasm" ]; then
        echo "build $name" >&2
        # The stack is Linux's default of 8 MiB unless the program says otherwise.
        nice -n 15 "$toolchain/bin/cc" -O1 -w "$source" -o "$cache/$key.raw" 2> "$cache/$key.log" || { cat "$cache/$key.log" >&2; exit 1; }
        OPT=-O1 nice -n 15 "$toolchain/bin/post-link" "$cache/$key.raw" "$cache/$key.wasm"
        rm -f "$cache/$key.raw" "$cache/$key.log"
    fi
    mkdir -p "$stage/$(dirname "$name")"
    cp "$cache/$key.wasm" "$stage/$name.wasm"
}

{
    echo "# Written by build.sh: the SHA-256 of guest.h followed by each program's source, as the modules of guests.tar.zst were built."
    echo "[sources]"
} > "$stage.toml"
for source in $(find . -mindepth 2 -maxdepth 2 -name '*.c' | sed 's|^\./||' | sort); do
    build "$source"
    echo "\"${source%.c}\" = \"$(digest "$source")\"" >> "$stage.toml"
done
tar -C "$stage" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --format=ustar -cf - $(cd "$stage" && ls) | zstd -q -19 --long=24 -f -o guests.tar.zst
mv "$stage.toml" SOURCE.toml
ls -l guests.tar.zst >&2
