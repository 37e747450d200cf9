#!/bin/bash
# Sets the workbench up, and leaves the reason in WORKBENCH_STATE/reason if it fails. Every step can be repeated:
# workbench.service runs it again on each boot, after fetching the configuration anew, so that what an update of the stack
# changed is taken up then.
#   workbench.sh setup      what the user data runs on the first boot
#   workbench.sh boot       what each later boot runs, and what takes up a change at once
set -Eeuo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$here/lib.sh"

case ${1:-setup} in
  setup) ;;
  boot)
    # Fetching overwrites this very file, so a shell that does not read it does it. What is on the disk is good enough to
    # go on with where CloudFormation cannot be reached.
    # shellcheck disable=SC2016  # The inner shell expands its own arguments.
    exec bash -c 'cfn-init --stack "$1" --resource "$2" --region "$3" ||
        echo "workbench: the configuration could not be fetched anew; going on with the one that is here"
      exec bash "$4" setup' fetch "$(config stack)" "$(config resource)" "$(config region)" "$here/workbench.sh"
    ;;
  *) die "unknown: $1" ;;
esac

mkdir -p "$WORKBENCH_STATE" "$(dirname "$WORKBENCH_LOG")"
# Two runs at the same time would format and install over each other.
exec 9>"$WORKBENCH_STATE/lock"
flock 9
last=$WORKBENCH_STATE/last-step.log
rm -f "$WORKBENCH_STATE/reason"
step=start

failed() {
  local line
  line=$(grep -v '^[[:space:]]*$' "$last" 2>/dev/null | tail -n 1 | sed 's/^workbench: //') || true
  say "$step failed: ${line:-line $1}" | tee -a "$WORKBENCH_LOG" >&2
  printf '%s' "$step: ${line:-line $1}" >"$WORKBENCH_STATE/reason"
  exit 1
}
# A step runs in a subshell, which fails by itself; only here it is told.
trap '[ "$BASH_SUBSHELL" -gt 0 ] || failed $LINENO' ERR

# run NAME COMMAND...: its output goes to the log, and its last line becomes the reason if it fails.
run() {
  step=$1
  shift
  say "$step" | tee -a "$WORKBENCH_LOG"
  "$@" 2>&1 </dev/null | tee "$last" | tee -a "$WORKBENCH_LOG"
}

packages() {
  local names
  mapfile -t names < <(config packages)
  [ "${#names[@]}" -eq 0 ] || install_packages "${names[@]}"
}

service() {
  [ -d "$WORKBENCH_UNITS" ] || return 0
  install -m 0644 "$here/../units/workbench.service" "$WORKBENCH_UNITS/workbench.service"
  systemctl enable --quiet workbench.service
}

run configuration python3 -m json.tool "$WORKBENCH_CONFIG" /dev/null
if [ "$(config gpu)" = true ]; then run drivers bash "$here/drivers.sh"; fi
if [ "$(config setup)" = ansible ]; then
  run ansible bash "$here/ansible.sh" install
  # The volumes come last: taking them over stops the instance that holds them, and a setup that fails before has not.
  run playbook bash "$here/ansible.sh" builtin packages,python,limits
  run attach bash "$here/volumes.sh" attach
  run volumes bash "$here/ansible.sh" builtin volumes
else
  run packages packages
  run python bash "$here/python.sh"
  run limits bash "$here/idle-stop.sh" install
  run attach bash "$here/volumes.sh" attach
  run volumes bash "$here/volumes.sh" mount
fi
run service service
if [ "$(config setup)" = ansible ] && [ -n "$(config ansible.repository)" ]; then
  run pull bash "$here/ansible.sh" pull
fi
say "ready" | tee -a "$WORKBENCH_LOG"
