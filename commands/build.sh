#!/bin/sh
# The toolchain if it is not there yet, then the programs: commands/build.sh [NAME...]. `cargo xtask commands` calls this.
set -e
here=$(cd "$(dirname "$0")" && pwd)
"$here/toolchain/setup.sh"
exec python3 "$here/build.py" "$@"
