#!/usr/bin/env bash
# The README's first command in an empty clone, and what a new user does next.
set -euo pipefail
cd "$(dirname "$0")/../.."
clone=$(mktemp -d)
trap 'rm -rf "$clone"' EXIT
git clone --quiet . "$clone/mlinfra"
cd "$clone/mlinfra"

fail() { echo "first-run: $*" >&2; exit 1; }
mlinfra() { "${CARGO_TARGET_DIR:-target}/release/mlinfra" "$@"; }
# What a command exits with; its output goes to the file named first.
exits() { local out=$1; shift; local code=0; "$@" >"$out" 2>"$out.err" || code=$?; echo "$code"; }

cargo run --release --quiet -- apply dev --sandbox --yes

for environment in dev test prod; do
  [ "$environment" = dev ] || mlinfra apply "$environment" --sandbox --yes >/dev/null
  code=$(exits plan.txt mlinfra plan "$environment" --sandbox --detailed-exitcode)
  [ "$code" = 0 ] || { cat plan.txt plan.txt.err; fail "plan $environment after apply exits $code, not 0"; }
done

code=$(exits ship.txt mlinfra ship dev --sandbox --plan --detailed-exitcode)
[ "$code" = 2 ] || { cat ship.txt ship.txt.err; fail "ship dev --plan before anything was shipped exits $code, not 2"; }
grep -q 'would be built' ship.txt || fail "the plan does not say that the image would be built"
grep -q '+ Deployment default/scorer' ship.txt || fail "the plan does not name the Deployment"

sed -i 's|10\.10\.0\.0/16|10.99.0.0/16|' environments/dev.toml
code=$(exits plan.txt mlinfra plan dev --sandbox --detailed-exitcode)
cat plan.txt
[ "$code" = 2 ] || { cat plan.txt.err; fail "plan of a changed cidr exits $code, not 2"; }
grep -q 'CidrBlock' plan.txt || fail "the plan does not name CidrBlock"
grep -q '10.10.0.0/16.*10.99.0.0/16' plan.txt || fail "the plan does not show before and after"
grep -qi 'forces replacement' plan.txt || fail "the plan does not say what forces a replacement"
git checkout --quiet environments/dev.toml

mlinfra destroy dev --sandbox --yes >/dev/null
mlinfra destroy test --sandbox --yes >/dev/null
code=$(exits destroy.txt mlinfra destroy prod --sandbox --yes)
[ "$code" = 5 ] || { cat destroy.txt destroy.txt.err; fail "destroy prod without --confirm exits $code, not 5"; }

for environment in dev test; do
  left=$(mlinfra status "$environment" --sandbox --format json | python3 -c 'import json,sys; print(len([s for s in json.load(sys.stdin)["stacks"] if s["status"] is not None]))')
  [ "$left" = 0 ] || fail "$left stacks of $environment are left after destroy"
done
echo "first-run: 1 passed, 0 failed"
