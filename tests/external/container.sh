#!/usr/bin/env bash
# The image of the Dockerfile, made and run by a real Docker engine: its size, its user, its protocols, its drain; and
# the same contract asked of the example in Python.
#
#   tests/external/container.sh              builds the static binary (inference-binary.sh), then all of it
#   BINARY=path/to/inference tests/external/container.sh
#
# No image can be pulled where this runs, so the image's build stage gets the binary that was compiled here
# (BINARY_IMAGE in the Dockerfile); the stage that compiles inside the image is not run.
set -euo pipefail
cd "$(dirname "$0")/../.."

cache=${XDG_CACHE_HOME:-$HOME/.cache}/mlinfra
work=$(mktemp -d)
engine=""
started=()
clean_up() {
  # Containers first, then the engine that runs them.
  if [ -n "$engine" ]; then
    for name in "${started[@]}"; do docker rm --force "$name" >/dev/null 2>&1 || true; done
    kill "$engine" 2>/dev/null || true
    wait "$engine" 2>/dev/null || true
  fi
  # The engine leaves the namespace of the host's network mounted there.
  umount "$work"/exec/netns/* 2>/dev/null || true
  rm -rf "$work"
}
trap clean_up EXIT
fail() { echo "container.sh: $*" >&2; exit 1; }
say() { printf '   %s\n' "$*"; }

missing=()
command -v dockerd >/dev/null || missing+=(docker.io)
command -v debootstrap >/dev/null || missing+=(debootstrap)
command -v curl >/dev/null || missing+=(curl)
command -v readelf >/dev/null || missing+=(binutils)
command -v python3 >/dev/null || missing+=(python3)
[ -e /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)
if [ "${#missing[@]}" -gt 0 ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

file=$(tests/external/inference-binary.sh)
if readelf -d "$file" | grep -q NEEDED; then fail "$file is not static"; fi

# Debian's own client speaks BuildKit; others need the plug-in buildx, which may not be there.
docker() {
  if [ -x /usr/bin/docker ]; then /usr/bin/docker "$@"; else command docker "$@"; fi
}

# An engine of our own, beside any other: its own socket, data and process id; no bridge, so that no rule of the host's
# firewall is touched.
export DOCKER_HOST=unix://$work/docker.sock
dockerd --host "$DOCKER_HOST" --data-root "$work/data" --exec-root "$work/exec" --pidfile "$work/pid" \
  --iptables=false --ip6tables=false --ip-forward=false --bridge=none >"$work/dockerd.log" 2>&1 &
engine=$!
started_at=$SECONDS
until docker version >/dev/null 2>&1; do
  [ $((SECONDS - started_at)) -lt 120 ] || { cat "$work/dockerd.log" >&2; fail "the engine does not answer"; }
  kill -0 "$engine" 2>/dev/null || { cat "$work/dockerd.log" >&2; fail "the engine did not start"; }
  sleep 0.2
done
say "engine $(docker version --format '{{.Server.Version}}')"

# What stands in for the stage that compiles.
mkdir "$work/compiled"
cp "$file" "$work/compiled/inference"
cp /etc/ssl/certs/ca-certificates.crt "$work/compiled/"
printf 'FROM scratch\nCOPY inference /inference\nCOPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt\n' \
  >"$work/compiled/Dockerfile"
docker build --quiet --network host --tag mlinfra-compiled "$work/compiled" >/dev/null
DOCKER_BUILDKIT=1 docker build --quiet --network host --build-arg BINARY_IMAGE=mlinfra-compiled --tag inference . >/dev/null

# What a registry stores and a node pulls is compressed; that is what the limit is for.
size=$(docker save inference | gzip | wc -c)
say "image of $size bytes compressed, $(docker image inspect inference --format '{{.Size}}') unpacked"
[ "$size" -lt $((30 * 1024 * 1024)) ] || fail "the image has $size bytes compressed, and 30 MiB is the limit"
user=$(docker image inspect inference --format '{{.Config.User}}')
[[ "$user" =~ ^[1-9][0-9]*:[1-9][0-9]*$ ]] || fail "the image runs as '$user', not as a number other than 0"
docker image inspect inference --format '{{json .Config.ExposedPorts}}' | grep -q 8080/tcp || fail "8080 is not exposed"

# run NAME IMAGE PORT OPTION...: a container on the host's network, as locked down as Kubernetes can make it.
run() {
  local name=$1 image=$2 port=$3
  shift 3
  started+=("$name")
  docker run --detach --name "$name" --network host --read-only --cap-drop ALL --security-opt no-new-privileges \
    --env SAGEMAKER_BIND_TO_PORT="$port" --env INFERENCE_HOST=127.0.0.1 --env INFERENCE_DRAIN_DELAY_MS=200 \
    "$@" "$image" serve >/dev/null
  local since=$SECONDS
  until curl --silent --fail --max-time 5 --output /dev/null "http://127.0.0.1:$port/ping"; do
    [ $((SECONDS - since)) -lt 60 ] || { docker logs "$name" >&2; fail "$name is not ready after a minute"; }
    [ "$(docker inspect --format '{{.State.Running}}' "$name")" = true ] || { docker logs "$name" >&2; fail "$name ended"; }
    sleep 0.1
  done
}
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

port=$(free_port)
run reference inference "$port"
at=http://127.0.0.1:$port
row='[19.12,19,837.2,1907.2,1,0.97,0.14,0,1,0,1012.6]'
# ask WHAT EXPECTED CURL-ARGUMENT...
ask() {
  local what=$1 expected=$2 answer
  shift 2
  answer=$(curl --silent --max-time 10 --write-out ' %{http_code}' "$@")
  [[ "$answer" == *"$expected"* ]] || fail "$what: '$expected' is not in: $answer"
  say "$what"
}
ask "SageMaker: JSON" '"label":0' "$at/invocations" --json "{\"instances\":[$row]}"
ask "SageMaker: CSV" '0,0.9' "$at/invocations" -H 'content-type: text/csv' -H 'accept: text/csv' --data "${row:1:-1}"
ask "v2: live" ' 200' "$at/v2/health/live"
ask "v2: ready" ' 200' "$at/v2/health/ready"
ask "v2: metadata" '"platform":"onnx_trees"' "$at/v2/models/fraud"
ask "v2: inference" '"datatype":"INT64","data":[0]' "$at/v2/models/fraud/versions/1/infer" \
  --json "{\"inputs\":[{\"name\":\"features\",\"shape\":[1,11],\"datatype\":\"FP32\",\"data\":$row}]}"
ask "a broken body" ' 400' "$at/invocations" --json '{'
head -c 7000000 /dev/zero >"$work/huge"
ask "a huge body" ' 413' "$at/invocations" -H 'expect:' --data-binary "@$work/huge"
ask "metrics" 'inference_requests_total{protocol="sagemaker",code="200"} 2' "$at/metrics"

pid=$(docker inspect --format '{{.State.Pid}}' reference)
grep -q '^Uid:[[:space:]]*65532' "/proc/$pid/status" || fail "the process does not run as 65532"
say "it runs as 65532, in $(awk '/VmRSS/ {print $2 " kB"}' "/proc/$pid/status")"

docker kill --signal TERM reference >/dev/null
code=$(docker wait reference)
[ "$code" = 0 ] || { docker logs reference >&2; fail "after SIGTERM it ended with $code"; }
docker logs reference 2>&1 | grep -q '"drained"' || fail "it did not drain"
say "SIGTERM drains it"

# Names are looked up without the C library's plugins, which an empty image does not have: a bucket at
# `bucket.localhost`, which only /etc/hosts knows.
started+=(no-bucket)
docker run --name no-bucket --network host --add-host bucket.localhost:127.0.0.1 --env AWS_ENDPOINT_URL="http://localhost:$port" --env AWS_REGION=eu-central-1 \
  --env AWS_ACCESS_KEY_ID=AKIDEXAMPLE --env AWS_SECRET_ACCESS_KEY=secret --env AWS_MAX_ATTEMPTS=1 \
  --env INFERENCE_MODEL=s3://bucket/model --env INFERENCE_HOST=127.0.0.1 --env INFERENCE_PORT="$(free_port)" \
  inference serve >"$work/no-bucket.log" 2>&1 && fail "a bucket that is not there was found"
code=$(docker inspect --format '{{.State.ExitCode}}' no-bucket)
[ "$code" = 3 ] || { cat "$work/no-bucket.log" >&2; fail "without a bucket it ended with $code, not 3"; }
# The name was found, and nobody listens there.
grep -qi 'refused' "$work/no-bucket.log" || { cat "$work/no-bucket.log" >&2; fail "bucket.localhost was not found"; }
say "a model that is not there ends it with 3; names are found"

# The example in Python, on a base that stands in for python:3.13-slim.
base=$cache/python-base.tar
if [ ! -e "$base" ]; then
  mkdir -p "$cache"
  debootstrap --variant=minbase --include=python3-minimal,libpython3-stdlib bookworm "$work/base" >"$work/debootstrap.log" 2>&1 ||
    { tail -5 "$work/debootstrap.log" >&2; fail "debootstrap failed"; }
  tar --directory "$work/base" --create --file "$base.new" .
  mv "$base.new" "$base"
fi
docker import "$base" python-base >/dev/null
docker build --quiet --network host --build-arg BASE=python-base --tag python-example inference/python-example >/dev/null
port=$(free_port)
run python python-example "$port"
INFERENCE_URL=http://127.0.0.1:$port python3 -m unittest --quiet inference/python-example/test_server.py
docker kill --signal TERM python >/dev/null
code=$(docker wait python)
[ "$code" = 0 ] || { docker logs python >&2; fail "after SIGTERM the example ended with $code"; }
say "the example in Python keeps the contract"
