#!/bin/sh
# Builds uutils.wasm.zst and, as a patch of it, the same program as a component: WASM_TOOLCHAIN must be a Rust toolchain with the target wasm32-wasip1, by its rustup name (default: wasm).
# Prints the digests for SOURCE.toml.
set -e
here=$(cd "$(dirname "$0")" && pwd)
version=0.12.0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo info "coreutils@$version" > /dev/null          # fetches the sources
cp -r "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/coreutils-$version "$work/src"
cd "$work/src"
CARGO_TARGET_DIR=$work/target CARGO_PROFILE_RELEASE_OPT_LEVEL=s CARGO_PROFILE_RELEASE_LTO=thin CARGO_PROFILE_RELEASE_STRIP=symbols \
  cargo "+${WASM_TOOLCHAIN:-wasm}" build --locked --release --target wasm32-wasip1 --no-default-features --features feat_wasm --bin coreutils
zstd -19 -q -f "$work/target/wasm32-wasip1/release/coreutils.wasm" -o "$here/uutils.wasm.zst"
cp -r "$here/componentize" "$work/componentize" && mv "$work/componentize/manifest.toml" "$work/componentize/Cargo.toml"
cargo run --manifest-path "$work/componentize/Cargo.toml" -- \
  "$work/target/wasm32-wasip1/release/coreutils.wasm" "$work/component.wasm"
zstd -19 -q -f --patch-from="$work/target/wasm32-wasip1/release/coreutils.wasm" "$work/component.wasm" -o "$here/uutils.component.patch.zst"
sha256sum "$work/component.wasm" "$here/uutils.component.patch.zst" "$work/target/wasm32-wasip1/release/coreutils.wasm" "$here/uutils.wasm.zst"
