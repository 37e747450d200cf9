#!/usr/bin/env bash
# The suites against programs that are not ours. Each must run; a missing one is a failure, not a skip.
# MLINFRA_BINARY names the program to test; without it the release build is used, and made where there is none.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=$(tests/external/setup.sh)
MLINFRA_CHECKOV=$(tests/external/setup.sh checkov)/checkov
if [ -z "${MLINFRA_BINARY:-}" ]; then
  MLINFRA_BINARY=${CARGO_TARGET_DIR:-$PWD/target}/release/mlinfra
  [ -x "$MLINFRA_BINARY" ] || cargo build --release --quiet
fi
export PATH="$bin:$PATH" MLINFRA_BINARY MLINFRA_CHECKOV
printf -- '-- %s\n' "the embedded schemas"
"$bin/python" src/template/data/derive.py --check
for suite in templates agreement schemas policy access fetch terminal ministack clients manifests platforms; do
  printf -- '-- %s\n' "$suite"
  "$bin/python" "tests/external/$suite.py"
done
for suite in diagrams user-data; do
  printf -- '-- %s\n' "$suite"
  "tests/external/$suite.sh"
done
printf -- '-- %s\n' "registry"
timeout --kill-after=30 900 tests/external/registry.sh
printf -- '-- %s\n' "kubernetes"
# With the time that it takes to build the control plane, once.
timeout --kill-after=30 3600 tests/external/kubernetes.sh
printf -- '-- %s\n' "the model server as a static binary"
BINARY=$(timeout 3600 tests/external/inference-binary.sh)
export BINARY
for suite in container stream; do
  printf -- '-- %s\n' "$suite"
  timeout --kill-after=30 900 "tests/external/$suite.sh"
done
