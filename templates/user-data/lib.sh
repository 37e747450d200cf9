# What the workbench's scripts share. Sourced, never run.
# Every place and program outside of them can be set through the environment, so that they run where there is no AWS.
: "${WORKBENCH_ROOT:=/opt/workbench}"
: "${WORKBENCH_CONFIG:=/etc/workbench/config.json}"
: "${WORKBENCH_STATE:=/var/lib/workbench}"
: "${WORKBENCH_LOG:=/var/log/workbench.log}"
: "${WORKBENCH_UNITS:=/etc/systemd/system}"
export WORKBENCH_ROOT WORKBENCH_CONFIG WORKBENCH_STATE WORKBENCH_LOG WORKBENCH_UNITS
export PATH=$WORKBENCH_ROOT/tools/bin:/opt/aws/bin:/usr/sbin:/sbin:$PATH

say() { printf 'workbench: %s\n' "$*"; }
die() { printf 'workbench: %s\n' "$*" >&2; exit 1; }

# config python.packages: a value of the configuration; a list comes as one item a line, nothing if there is none.
# CloudFormation turns every number and boolean of the metadata into a string.
config() {
  python3 - "$WORKBENCH_CONFIG" "$1" <<'PYTHON'
import json, sys
value = json.load(open(sys.argv[1], encoding="utf-8"))
for key in sys.argv[2].split("."):
    value = value.get(key) if isinstance(value, dict) else None
def text(item):
    if isinstance(item, bool):
        return "true" if item else "false"
    return json.dumps(item) if isinstance(item, (dict, list)) else str(item)
if isinstance(value, list):
    for item in value:
        print(text(item))
elif value is not None:
    print(text(value))
PYTHON
}

# field NAME: the same for one object on standard input.
field() {
  python3 -c 'import json, sys
value = json.load(sys.stdin).get(sys.argv[1])
print("" if value is None else value if isinstance(value, str) else json.dumps(value))' "$1"
}

# Whether systemd runs this machine: in a container it may be installed without running.
systemd_runs() { [ -d /run/systemd/system ]; }

# install_packages NAME...: with the image's own package manager; those that are there are left alone.
install_packages() {
  local missing=() name
  if command -v dnf >/dev/null; then
    for name in "$@"; do rpm -q --quiet --whatprovides "$name" || missing+=("$name"); done
    [ "${#missing[@]}" -eq 0 ] || dnf -y -q install "${missing[@]}"
  elif command -v apt-get >/dev/null; then
    for name in "$@"; do
      dpkg-query -W -f '${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed || missing+=("$name")
    done
    if [ "${#missing[@]}" -gt 0 ]; then
      apt-get update -qq
      DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null
    fi
  else
    die "this image has neither dnf nor apt-get"
  fi
}

# The person who works here: ec2-user, ubuntu, admin; root if the image has nobody.
person() { getent passwd 1000 | cut -d: -f1 | grep . || echo root; }
