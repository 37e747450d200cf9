#!/usr/bin/env bash
# Prints where the model server is as a static release binary, as its image holds it. Built where it is not there or is
# older than its sources, which takes minutes the first time; CARGO_TARGET_DIR keeps it. BINARY names a finished one.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ -z "${BINARY:-}" ]; then
  host=$(rustc -vV | sed -n 's/^host: //p')
  RUSTFLAGS="-C target-feature=+crt-static" \
    cargo build --release --locked --quiet --target "$host" --package mlinfra-inference --bin inference >&2
  BINARY=${CARGO_TARGET_DIR:-target}/$host/release/inference
fi
readlink -f "$BINARY"
