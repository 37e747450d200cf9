#!/usr/bin/env bash
# Licences, banned crates and sources of every dependency; advisories too where their database can be fetched.
set -euo pipefail
cd "$(dirname "$0")/../.."
tools=${XDG_CACHE_HOME:-$HOME/.cache}/mlinfra/tools
export PATH="$tools/bin:$PATH"
if ! cargo deny --version >/dev/null 2>&1; then
  if ! CARGO_TARGET_DIR="$tools/target" cargo install --quiet --locked --root "$tools" cargo-deny --version '^0.20'; then
    echo "cargo-deny cannot be installed here: dependencies not checked"
    exit 0
  fi
  rm -rf "$tools/target"
fi
cargo deny --log-level error check bans licenses sources
if ! timeout 60 cargo deny fetch db >/dev/null 2>&1; then
  echo "the advisory database cannot be fetched here: advisories not checked"
else
  cargo deny --log-level error check advisories
fi
