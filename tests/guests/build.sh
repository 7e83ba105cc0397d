#!/bin/bash
# Builds the guest programs for wasm and packs them: guests.tar.zst (the modules) and SOURCE.toml (what they were made from).
# Needs the toolchain of commands/toolchain; nobody needs this to run the tests. Programs whose source is the one in SOURCE.toml are
# taken from the archive; `--all` builds every one anew, as is due after a change of the toolchain (20 minutes).
#   CENOTE_TOOLCHAIN  where the toolchain lies (default: ~/.cache/cenote/linux-toolchain)
set -euo pipefail
cd "$(dirname "$0")"
export LC_ALL=C
toolchain=${CENOTE_TOOLCHAIN:-$HOME/.cache/cenote/linux-toolchain}
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
mkdir "$stage/old" "$stage/new"
if [ "${1:-}" != --all ] && [ -f guests.tar.zst ]; then zstd -dcq guests.tar.zst | tar -x -C "$stage/old"; fi

digest() { cat guest.h "$1" | sha256sum | cut -d' ' -f1; }

{
    echo "# Written by build.sh: the SHA-256 of guest.h followed by each program's source, as the modules of guests.tar.zst were built."
    echo "[sources]"
} > "$stage/SOURCE.toml"
for source in $(find . -mindepth 2 -maxdepth 2 -name '*.c' | sed 's|^\./||' | sort); do
    name=${source%.c}
    line="\"$name\" = \"$(digest "$source")\""
    mkdir -p "$stage/new/$(dirname "$name")"
    if [ -f "$stage/old/$name.wasm" ] && grep -qxF "$line" SOURCE.toml; then
        mv "$stage/old/$name.wasm" "$stage/new/$name.wasm"
    else
        echo "build $name" >&2
        nice -n 15 "$toolchain/bin/cc" -O1 -w "$source" -o "$stage/raw" 2> "$stage/log" || { cat "$stage/log" >&2; exit 1; }
        OPT=-O1 nice -n 15 "$toolchain/bin/post-link" "$stage/raw" "$stage/new/$name.wasm" >&2
        test -s "$stage/new/$name.wasm"
    fi
    echo "$line" >> "$stage/SOURCE.toml"
done
tar -C "$stage/new" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --format=ustar -cf - $(cd "$stage/new" && ls) | zstd -q -19 --long=24 -f -o guests.tar.zst
mv "$stage/SOURCE.toml" SOURCE.toml
ls -l guests.tar.zst >&2
