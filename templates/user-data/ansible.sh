#!/bin/bash
# Runs Ansible on this machine, in pull mode: nothing connects to it.
#   ansible.sh install          Ansible, in an environment of its own
#   ansible.sh builtin TAGS     the playbook that comes with mlinfra
#   ansible.sh pull             the playbook of the user's repository, with the same configuration as variables
set -Eeuo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$here/lib.sh"
: "${WORKBENCH_ANSIBLE:=ansible-core>=2.16,<3}"
home=$WORKBENCH_ROOT/ansible-python
playbooks=$here/../ansible
export ANSIBLE_NOCOLOR=1 ANSIBLE_LOCALHOST_WARNING=False ANSIBLE_INVENTORY_UNPARSED_WARNING=False HOME=${HOME:-/root}
# The interpreter of the image: it sees the package manager's Python bindings.
variables=(--extra-vars "@$WORKBENCH_CONFIG" --extra-vars "workbench_root=$WORKBENCH_ROOT"
  --extra-vars "workbench_units=$WORKBENCH_UNITS" --extra-vars "workbench_person=$(person)")

case ${1:-} in
  install)
    if [ -x "$home/bin/ansible-playbook" ]; then exit 0; fi
    if command -v dnf >/dev/null; then
      install_packages git-core python3.12 python3.12-pip
      python=python3.12
    else
      install_packages git python3 python3-venv
      python=python3
    fi
    "$python" -m venv "$home"
    "$home/bin/pip" install --quiet --no-input --disable-pip-version-check "$WORKBENCH_ANSIBLE"
    ;;
  builtin)
    "$home/bin/ansible-playbook" --inventory localhost, --connection local --tags "$2" "${variables[@]}" "$playbooks/site.yml"
    ;;
  pull)
    "$home/bin/ansible-pull" --inventory localhost, --connection local --directory "$WORKBENCH_STATE/ansible-pull" \
      --url "$(config ansible.repository)" --checkout "$(config ansible.ref)" --clean --force "${variables[@]}" \
      "$(config ansible.playbook)"
    ;;
  *) die "say install, builtin or pull" ;;
esac
