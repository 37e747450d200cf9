#!/usr/bin/env bash
# Prepares the programs that the external suites run against, in the user's cache, and prints the folder of their commands.
# `setup.sh` is for all of them but those that want other versions of the same libraries: `setup.sh checkov`.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/mlinfra
case ${1:-} in
  "") requirements=$here/requirements.txt name=external ;;
  *) requirements=$here/requirements-$1.txt name=external-$1 ;;
esac
wanted=$(sha256sum "$requirements" | cut -c1-16)
home=$cache/$name-$wanted
mkdir -p "$cache"
# Two runs at the same time share one installation.
exec 9>"$cache/external.lock"
flock 9
if [ ! -e "$home/ready" ]; then
  rm -rf "$home"
  python3 -m venv "$home" >&2
  "$home/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements" >&2
  touch "$home/ready"
fi
echo "$home/bin"
