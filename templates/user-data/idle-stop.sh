#!/bin/bash
# Stops an instance that nobody uses, and one that has run for long enough.
#   idle-stop.sh install    timers as the configuration says
#   idle-stop.sh check      what the timer runs every minute
# CPU metrics cannot decide this from outside: a training on GPUs may need one core of ninety-six. Here one sees GPUs,
# people and load.
set -Eeuo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$here/lib.sh"
: "${WORKBENCH_RUN:=/run/workbench}"
: "${WORKBENCH_PROC:=/proc}"
: "${WORKBENCH_POWEROFF:=systemctl poweroff}"
units=$here/../units

# Why the instance is in use, or nothing.
use() {
  local load busy
  if [ -e "$WORKBENCH_RUN-keep" ]; then
    echo "$WORKBENCH_RUN-keep exists"
    return
  fi
  # A download is no load, but no idleness either.
  if [ -e "$WORKBENCH_STATE/lock" ] && ! flock --nonblock "$WORKBENCH_STATE/lock" true; then
    echo "the setup runs"
    return
  fi
  # An average over five minutes; half a busy core is work, what an idle machine does by itself is below a tenth.
  load=$(cut -d' ' -f2 "$WORKBENCH_PROC/loadavg")
  if awk -v average="$load" 'BEGIN { exit !(average >= 0.5) }'; then
    echo "the load is $load"
    return
  fi
  # Session Manager ends sessions without input by itself (after 20 minutes, unless its preferences say otherwise), so one
  # that is there is used. Port forwarding, as for Jupyter, is a session too.
  if pgrep -f ssm-session-worker >/dev/null || [ -n "$(who)" ]; then
    echo "somebody is connected"
    return
  fi
  if command -v nvidia-smi >/dev/null; then
    busy=$(nvidia-smi --query-gpu=utilization.gpu --format=csv,noheader,nounits 2>/dev/null | sort -n | tail -n 1 || true)
    if [[ $busy =~ ^[0-9]+$ ]] && [ "$busy" -ge 5 ]; then echo "a GPU is at $busy %"; fi
  fi
}

check() {
  local minutes now last reason
  minutes=$(config idle_minutes)
  [ "${minutes:-0}" -gt 0 ] || return 0
  mkdir -p "$WORKBENCH_RUN"
  # Seconds since boot: the clock may be set, and a stopped instance starts to count anew.
  now=$(cut -d. -f1 "$WORKBENCH_PROC/uptime")
  reason=$(use)
  if [ -n "$reason" ]; then
    printf '%s' "$now" >"$WORKBENCH_RUN/last-use"
    return 0
  fi
  last=$(cat "$WORKBENCH_RUN/last-use" 2>/dev/null || echo 0)
  if [ $((now - last)) -ge $((minutes * 60)) ]; then
    say "idle for $minutes minutes: stopping"
    $WORKBENCH_POWEROFF
  fi
}

# timer NAME DESCRIPTION SETTINGS...: an empty list of settings takes the timer away.
timer() {
  local name=$1
  if [ "$#" -eq 1 ]; then
    if [ -e "$WORKBENCH_UNITS/$name.timer" ]; then
      if systemd_runs; then systemctl stop "$name.timer"; fi
      systemctl disable --quiet "$name.timer"
      rm -f "$WORKBENCH_UNITS/$name.timer"
    fi
    return 0
  fi
  shift
  install -m 0644 "$units/$name.service" "$WORKBENCH_UNITS/$name.service"
  {
    printf '[Unit]\nDescription=%s\n\n[Timer]\nAccuracySec=10s\n' "$1"
    shift
    printf '%s\n' "$@"
    printf '\n[Install]\nWantedBy=timers.target\n'
  } >"$WORKBENCH_UNITS/$name.timer"
  systemctl enable --quiet "$name.timer"
  if systemd_runs; then systemctl daemon-reload && systemctl restart "$name.timer"; fi
}

case ${1:-} in
  check) check ;;
  install)
    [ -d "$WORKBENCH_UNITS" ] || die "$WORKBENCH_UNITS does not exist: this image does not run systemd"
    idle=$(config idle_minutes) limit=$(config max_run_hours)
    if [ "${idle:-0}" -gt 0 ]; then
      timer workbench-idle "Looks whether the workbench is in use" OnBootSec=5min OnUnitActiveSec=1min
    else
      timer workbench-idle
    fi
    if [ "${limit:-0}" -gt 0 ]; then
      timer workbench-limit "The longest time that the workbench runs" "OnBootSec=${limit}h"
    else
      timer workbench-limit
    fi
    say "idle stop after ${idle:-0} minutes, hard stop after ${limit:-0} hours (0: never)"
    ;;
  *) die "say install or check" ;;
esac
