#!/usr/bin/env bash
# Shipping to a real API server with its real controllers; nodes are played by the suite.
#
#   tests/external/kubernetes.sh              all scenarios
#   tests/external/kubernetes.sh --selftest   the control plane, its webhook and the nodes alone, without mlinfra
#
# MLINFRA_BINARY names the program to test; without it the release build is used, and made where there is none.
set -euo pipefail
cd "$(dirname "$0")/../.."
KUBEBUILDER_ASSETS=$(tests/external/kube-assets.sh)
command -v openssl >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends openssl >/dev/null; }
if [ -z "${MLINFRA_BINARY:-}" ] && [ "${1:-}" != --selftest ]; then
  MLINFRA_BINARY=${CARGO_TARGET_DIR:-$PWD/target}/release/mlinfra
  [ -x "$MLINFRA_BINARY" ] || cargo build --release --quiet
fi
export KUBEBUILDER_ASSETS MLINFRA_BINARY=${MLINFRA_BINARY:-}
exec python3 tests/external/kubernetes.py "$@"
