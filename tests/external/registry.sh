#!/usr/bin/env bash
# Images through a real engine into a real registry with ECR's login: built, sent, found again, and sent whole although the
# registry misbehaves (registry.py). `mlinfra sandbox serve` stands for AWS and says where the registry is.
#
#   MLINFRA_BINARY=path/to/mlinfra tests/external/registry.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
here=$PWD/tests/external
mlinfra=$(readlink -f "${MLINFRA_BINARY:-${CARGO_TARGET_DIR:-target}/release/mlinfra}")

work=$(mktemp -d)
engine=""
started=()
clean_up() {
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
  if [ -n "$engine" ]; then
    kill "$engine" 2>/dev/null || true
    wait "$engine" 2>/dev/null || true
  fi
  # The engine leaves the namespace of the host's network mounted there.
  umount "$work"/exec/netns/* 2>/dev/null || true
  rm -rf "$work"
}
trap clean_up EXIT
fail() { echo "registry.sh: $*" >&2; exit 1; }
say() { printf '   %s\n' "$*"; }

missing=()
command -v dockerd >/dev/null || missing+=(docker.io)
command -v docker-registry >/dev/null || missing+=(docker-registry)
command -v skopeo >/dev/null || missing+=(skopeo)
command -v htpasswd >/dev/null || missing+=(apache2-utils)
if [ "${#missing[@]}" -gt 0 ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
[ -x /usr/bin/docker ] && export MLINFRA_ENGINE=/usr/bin/docker
docker() { "${MLINFRA_ENGINE:-docker}" "$@"; }
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# An engine of our own, beside any other.
export DOCKER_HOST=unix://$work/docker.sock
dockerd --host "$DOCKER_HOST" --data-root "$work/data" --exec-root "$work/exec" --pidfile "$work/pid" \
  --iptables=false --ip6tables=false --ip-forward=false --bridge=none >"$work/dockerd.log" 2>&1 &
engine=$!
until docker version >/dev/null 2>&1; do
  kill -0 "$engine" 2>/dev/null || { cat "$work/dockerd.log" >&2; fail "the engine did not start"; }
  sleep 0.2
done

# A registry that wants the user AWS.
registry=$(free_port)
htpasswd -Bbn AWS secret >"$work/htpasswd"
cat >"$work/registry.yml" <<YAML
version: 0.1
storage: { filesystem: { rootdirectory: $work/registry } }
http: { addr: 127.0.0.1:$registry }
auth: { htpasswd: { realm: ecr, path: $work/htpasswd } }
YAML
docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
started+=($!)
until curl --silent --output /dev/null "http://127.0.0.1:$registry/v2/"; do
  kill -0 "${started[-1]}" 2>/dev/null || { cat "$work/registry.log" >&2; fail "the registry did not start"; }
  sleep 0.1
done
say "engine $(docker version --format '{{.Server.Version}}'), registry at $registry"

# aws REGISTRY-PORT [PASSWORD]: an AWS whose registry is there; sets `aws`, its URL.
aws() {
  local port
  port=$(free_port)
  printf '[[fault]]\nregistry = "http://127.0.0.1:%s"\nregistry_password = "%s"\n' "$1" "${2:-secret}" >"$work/faults-$port.toml"
  (cd "$work/project" && exec "$mlinfra" sandbox serve --port "$port" --time-scale 6000 --faults "$work/faults-$port.toml" \
    >"$work/aws-$port.log" 2>&1) &
  started+=($!)
  until curl --silent --output /dev/null "http://127.0.0.1:$port/"; do
    kill -0 "${started[-1]}" 2>/dev/null || { cat "$work/aws-$port.log" >&2; fail "the sandbox did not start"; }
    sleep 0.1
  done
  aws=http://127.0.0.1:$port
}
# proxy MISCHIEF...: a registry that misbehaves; sets `proxy`, its port, and `log`.
proxy() {
  log=$work/proxy-$RANDOM.log
  coproc { exec python3 "$here/registry.py" "http://127.0.0.1:$registry" "$@" 2>"$log"; }
  started+=("$COPROC_PID")
  read -r proxy <&"${COPROC[0]}"
}
export AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY=secret AWS_EC2_METADATA_DISABLED=true
# ship OPTION...: only the image; its reference goes to `reference`.
ship() {
  (cd "$work/project" && "$mlinfra" ship dev --endpoint-url "$aws" --image-only --yes "$@") >"$work/out" 2>"$work/err" ||
    { cat "$work/out" "$work/err" >&2; return 1; }
  reference=$(tail -1 "$work/out")
  [[ "$reference" =~ @sha256:[0-9a-f]{64}$ ]] || { cat "$work/out" >&2; fail "the last line is no reference"; }
}
# refused CODE OPTION...: it must not ship, for this reason.
refused() {
  local code=$1
  shift
  if ship "$@" 2>/dev/null; then fail "it shipped, and $code was expected"; fi
  grep -q "$code" "$work/out" "$work/err" || { cat "$work/out" "$work/err" >&2; fail "it is not $code"; }
  say "refused: $(grep -h "$code" "$work/out" "$work/err" | head -1)"
}
inspect() { skopeo inspect --creds AWS:secret --tls-verify=false "$@"; }

mkdir -p "$work/project/environments" "$work/project/app"
project=$work/project
workload() {
  cat >"$project/environments/dev.toml" <<TOML
[project]
name = "shop"

[environment]
account = "111122223333"
region  = "us-east-1"

[stacks.network]
module = "vpc"

[stacks.images]
module         = "ecr"
repositories   = ["scorer"]

[stacks.tasks]
module = "ecs"

[workloads.scorer]
kind  = "api"
on    = "tasks"
$1
TOML
}
workload 'image = { context = "app", args = { MARK = "one" } }'
head -c 5000000 /dev/urandom >"$project/app/weights"
head -c 300000 /dev/urandom >"$project/app/code"
cat >"$project/app/Dockerfile" <<'DOCKERFILE'
FROM scratch
ARG MARK
ENV MARK=$MARK
COPY weights /weights
COPY code /code
CMD ["/code"]
DOCKERFILE

aws "$registry"
(cd "$project" && "$mlinfra" bootstrap dev --endpoint-url "$aws" && "$mlinfra" apply dev --endpoint-url "$aws" --yes) >"$work/apply.log" 2>&1 || { cat "$work/apply.log" >&2; fail "apply failed"; }

ship
first=$reference
inspect --raw "docker://$first" | sha256sum | grep -q "${first##*:}" || fail "the registry holds another manifest"
inspect --config "docker://$first" | grep -q '"MARK=one"' || fail "the argument did not reach the build"
say "built and sent: $first"

docker image prune --all --force >/dev/null
blobs=$(grep -c '"PUT /v2/.*/blobs/' "$work/registry.log" || true)
ship
[ "$reference" = "$first" ] || fail "the same tree gave $reference"
[ "$blobs" = "$(grep -c '"PUT /v2/.*/blobs/' "$work/registry.log" || true)" ] || fail "blobs were sent again"
say "again: nothing is built, nothing is sent"

# Another registry that has nothing yet, with all of its mischief.
rm -rf "$work/registry"
proxy busy failing expired=1 closing dropping silent chunks
direct=$aws
aws "$proxy"
ship
echo x >>"$project/app/code"
inspect --raw "docker://127.0.0.1:$registry/${reference#*/}" | sha256sum | grep -q "${reference##*:}" || fail "it did not arrive whole"
skopeo copy --quiet --src-creds AWS:secret --src-tls-verify=false "docker://127.0.0.1:$registry/${reference#*/}" "oci:$work/pulled:x" ||
  fail "it cannot be pulled"
for mark in ' 429' ' 500' ' 401' ' closed'; do
  grep -q "$mark" "$log" || { cat "$log" >&2; fail "the registry did not misbehave:$mark"; }
done
grep -q '^PATCH' "$log" && fail "it was sent in chunks"
say "whole through $(wc -l <"$log") requests with a registry that misbehaves"

# Killed in the middle of sending, at several points, and then run to its end.
rm -rf "$work/registry"
for pause in 0.2 0.5 1 2; do
  (cd "$project" && exec "$mlinfra" ship dev --endpoint-url "$aws" --image-only --yes >/dev/null 2>&1) &
  pid=$!
  sleep "$pause"
  kill -KILL "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
done
ship
say "killed four times, then $reference"

# A layout, by skopeo; and one for another processor.
aws=$direct
skopeo copy --quiet --src-creds AWS:secret --src-tls-verify=false "docker://127.0.0.1:$registry/${reference#*/}" "oci:$project/layout:x"
workload 'image = { layout = "layout" }'
ship
inspect "docker://$reference" >/dev/null || fail "the layout is not there"
say "a layout: $reference"
workload 'image = { layout = "layout" }
architecture = "arm64"'
refused MLI1505
blob=$(find "$project/layout/blobs" -type f -size +1000k | head -1)
printf x >>"$blob"
workload 'image = { layout = "layout" }'
refused MLI1504

# An image that exists, by its tag, with the login that Docker keeps.
workload "image = { reference = \"${reference%@*}:none\" }"
refused MLI1506
workload 'image = { context = "app" }'
echo y >>"$project/app/code"
DOCKER_HOST=unix://$work/nothing refused MLI1501
printf 'FROM scratch\nCOPY nothing /\n' >"$project/app/Dockerfile"
refused MLI1502
printf 'FROM scratch\nCOPY code /\n' >"$project/app/Dockerfile"
aws "$registry" wrong
refused MLI1507
say "all of it"
