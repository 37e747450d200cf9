#!/usr/bin/env bash
# The suites against programs that are not ours. Each must run; a missing one is a failure, not a skip.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=$(tests/external/setup.sh)
export PATH="$bin:$PATH" MLINFRA_BINARY="${CARGO_TARGET_DIR:-$PWD/target}/release/mlinfra"
for suite in templates ministack clients; do
  printf -- '-- %s\n' "$suite"
  "$bin/python" "tests/external/$suite.py"
done
