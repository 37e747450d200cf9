#!/bin/bash
# A Python environment in WORKBENCH_ROOT/python with what the configuration lists, and JupyterLab if it asks for it.
# Later runs install again only if the list changed, so that a boot needs neither the network nor minutes.
set -Eeuo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$here/lib.sh"
home=$WORKBENCH_ROOT/python
stamp=$home/.installed

# The interpreter: the wanted version; else 3.12 on Amazon Linux, whose own is too old for much, and the image's elsewhere.
interpreter() {
  local version
  version=$(config python.version)
  if [ -z "$version" ] && command -v dnf >/dev/null; then version=3.12; fi
  if [ -z "$version" ]; then
    install_packages python3 python3-venv >&2
    command -v python3
    return
  fi
  if ! command -v "python$version" >/dev/null; then
    if command -v dnf >/dev/null; then
      install_packages "python$version" "python$version-pip" >&2
    else
      install_packages "python$version" "python$version-venv" >&2
    fi
  fi
  command -v "python$version" || die "this image has no Python $version"
}

wanted=$(mktemp)
trap 'rm -f "$wanted"' EXIT
{
  config python.packages
  config python.requirements
  if [ "$(config python.jupyter)" = true ]; then echo jupyterlab; fi
} | sed '/^[[:space:]]*$/d' >"$wanted"
python=$(interpreter)
digest=$({ "$python" --version; config python.index_url; cat "$wanted"; } | sha256sum | cut -c1-64)

if [ "$(cat "$stamp" 2>/dev/null)" = "$digest" ] && "$home/bin/python" -c pass; then
  say "the Python environment is up to date"
else
  # A change of the interpreter makes a new environment; a change of the list works on the one that is there.
  if [ ! -x "$home/bin/python" ] || [ "$("$home/bin/python" --version)" != "$("$python" --version)" ]; then
    rm -rf "$home"
    "$python" -m venv "$home"
  fi
  index=$(config python.index_url)
  if [ -s "$wanted" ]; then
    "$home/bin/pip" install --quiet --no-input --disable-pip-version-check ${index:+--index-url "$index"} --requirement "$wanted"
  fi
  # Only said: packages that work together may still claim that they do not.
  "$home/bin/pip" check --disable-pip-version-check || say "these packages contradict each other"
  printf '%s' "$digest" >"$stamp"
fi
chown -R "$(person):" "$home"
if [ -d /etc/profile.d ]; then
  # shellcheck disable=SC2016  # The person's shell expands it.
  printf 'export PATH=%s/bin:$PATH\n' "$home" >/etc/profile.d/workbench.sh
fi

if [ "$(config python.jupyter)" = true ] && [ -d "$WORKBENCH_UNITS" ]; then
  sed -e "s|@person@|$(person)|" -e "s|@python@|$home|" "$here/../units/workbench-jupyter.service" \
    >"$WORKBENCH_UNITS/workbench-jupyter.service"
  systemctl enable --quiet workbench-jupyter.service
  if systemd_runs; then systemctl daemon-reload && systemctl start --no-block workbench-jupyter.service; fi
fi
"$home/bin/python" --version
