#!/usr/bin/env bash
# Whether Mermaid itself reads the diagrams of all modules, those of this project's scaffold included.
# Needs node and npm; MLINFRA_BINARY names the program.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/mlinfra
home=$cache/mermaid-$(sha256sum "$here/mermaid/package-lock.json" | cut -c1-16)
mkdir -p "$cache"
# Two runs at the same time share one installation.
exec 9>"$cache/mermaid.lock"
flock 9
if [ ! -e "$home/ready" ]; then
  rm -rf "$home"
  mkdir -p "$home"
  cp "$here/mermaid/package.json" "$here/mermaid/package-lock.json" "$home"
  npm ci --prefix "$home" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
  touch "$home/ready"
fi
flock -u 9
# Beside node_modules, where node looks for them.
cp "$here/mermaid/check.mjs" "$home/check.mjs"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/environments" "$work/diagrams"
"$MLINFRA_BINARY" -C "$work" module new example >/dev/null 2>&1
names=$("$MLINFRA_BINARY" -C "$work" module list --format json | node -e '
  let text = "";
  process.stdin.on("data", (part) => (text += part));
  process.stdin.on("end", () => JSON.parse(text).modules.forEach((module) => console.log(module.name)));')
for name in $names; do
  "$MLINFRA_BINARY" -C "$work" module show "$name" --diagram >"$work/diagrams/$name.mmd"
done
cd "$work/diagrams"
node "$home/check.mjs" ./*.mmd
