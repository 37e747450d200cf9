#!/usr/bin/env bash
# Prepares the programs that the external suites run against, in the user's cache, and prints the folder of their commands.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/mlinfra
wanted=$(sha256sum "$here/requirements.txt" | cut -c1-16)
home=$cache/external-$wanted
mkdir -p "$cache"
# Two runs at the same time share one installation.
exec 9>"$cache/external.lock"
flock 9
if [ ! -e "$home/ready" ]; then
  rm -rf "$home"
  python3 -m venv "$home" >&2
  "$home/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt" >&2
  touch "$home/ready"
fi
echo "$home/bin"
