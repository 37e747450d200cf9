#!/bin/bash
# NVIDIA's driver. Images for GPUs have it, so mostly this only looks; on a plain image it is installed.
set -Eeuo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$here/lib.sh"
: "${WORKBENCH_PCI:=/sys/bus/pci/devices}"

works() { command -v nvidia-smi >/dev/null && nvidia-smi --query-gpu=name,driver_version --format=csv,noheader; }

if works; then exit 0; fi
grep -qsi '^0x10de$' "$WORKBENCH_PCI"/*/vendor || die "gpu = true, but this instance type has no NVIDIA GPU"

if command -v dnf >/dev/null; then
  # Amazon Linux 2023: the packages of a newer kernel carry its version in their name. The module is built for the kernel
  # that runs, so the headers have to be those of that one.
  release=$(uname -r)
  case $release in
    6.1.*) kernel=kernel ;;
    *) kernel=kernel$(cut -d. -f1,2 <<<"$release") ;;
  esac
  install_packages dkms gcc make "$kernel-devel-$release" "$kernel-headers" "$kernel-modules-extra-$release" nvidia-release
  install_packages nvidia-open
elif grep -qs '^ID=ubuntu$' /etc/os-release; then
  install_packages ubuntu-drivers-common "linux-headers-$(uname -r)"
  DEBIAN_FRONTEND=noninteractive ubuntu-drivers install --gpgpu </dev/null
else
  die "the driver can be installed on Amazon Linux 2023 and on Ubuntu; for this image take one that has it"
fi
modprobe nvidia
works || die "the driver was installed, but nvidia-smi finds no GPU"
