#!/usr/bin/env bash
# Runs the workbench's init scripts for real, in a system made from Debian packages: what `mlinfra render` puts into the
# user data and the metadata is what runs here. Volumes are loop devices, Python packages come from pip's index, Ansible
# plays against the system that it stands in. What stands in for AWS records its calls: cfn-init, cfn-signal and aws.
# MLINFRA_BINARY names the program to test. Needs root, for namespaces and loop devices.
set -euo pipefail
cd "$(dirname "$0")/../.."
cache=${XDG_CACHE_HOME:-$HOME/.cache}/mlinfra/user-data
stands=$PWD/tests/external/user-data
binary=$(realpath "${MLINFRA_BINARY:-${CARGO_TARGET_DIR:-target}/release/mlinfra}")
[ "$(id -u)" = 0 ] || { echo "user-data: run it as root: it makes namespaces and loop devices" >&2; exit 1; }

# ---- the system: made once, and laid anew under each case as the lower part of an overlay

packages=systemd,python3,python3-venv,e2fsprogs,xfsprogs,ca-certificates,git,procps,gawk
lower=$cache/bookworm-$(printf '%s 1' "$packages" | sha256sum | cut -c1-12)
mkdir -p "$cache/pip" "$cache/lists/partial"
exec 9>"$cache/lock"
flock 9
if [ ! -e "$lower/ready" ]; then
  command -v debootstrap >/dev/null || {
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends debootstrap >/dev/null
  }
  rm -rf "$lower"
  echo "making the system, once"
  debootstrap --variant=minbase --include="$packages" bookworm "$lower" >"$cache/debootstrap.log" 2>&1 ||
    { tail -n 20 "$cache/debootstrap.log" >&2; exit 1; }
  rm -f "$lower"/var/cache/apt/archives/*.deb
  chroot "$lower" useradd --uid 1000 --create-home --shell /bin/bash ml
  touch "$lower/ready"
fi
for need in mkfs.xfs:xfsprogs shellcheck:shellcheck; do
  command -v "${need%%:*}" >/dev/null ||
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${need##*:}" >/dev/null
done

losetup --find >/dev/null || { echo "user-data: this machine has no loop devices to stand for volumes" >&2; exit 1; }
work=$(mktemp -d)
loops=()
# Whatever a case mounted is below `work`.
unmount() {
  local place
  while IFS= read -r place; do umount -l "$place" 2>/dev/null || true; done \
    < <(awk -v work="$1" 'index($2, work) == 1 { print $2 }' /proc/mounts | sort -r)
}
finish() {
  unmount "$work"
  for loop in "${loops[@]}"; do losetup -d "$loop" 2>/dev/null || true; done
  rm -rf "$work"
}
trap finish EXIT

passed=0 failures=0 case='' started=0
begin() { case=$1 started=$SECONDS; }
done_with() {
  if [ "$1" = ok ]; then
    passed=$((passed + 1))
    printf 'ok      %s (%s s)\n' "$case" $((SECONDS - started))
  else
    failures=$((failures + 1))
    printf 'FAILED  %s\n' "$case"
    [ -z "${2:-}" ] || printf '        %s\n' "$2"
    [ ! -s "$work/why" ] || { echo '        last output:'; tail -n 25 "$work/why" | sed 's/^/        | /'; }
  fi
}
# expect DESCRIPTION COMMAND...: remembers the first thing that is not as it should be.
wrong=''
expect() {
  local what=$1
  shift
  if ! "$@" >/dev/null 2>&1; then remember "$what"; fi
}
refute() {
  local what=$1
  shift
  if "$@" >/dev/null 2>&1; then remember "$what"; fi
}
remember() {
  [ -z "$wrong" ] || return 0
  wrong=$1
  cp "$work/out" "$work/why" 2>/dev/null || true
}
verdict() {
  if [ -z "$wrong" ]; then done_with ok; else done_with failed "not so: $wrong"; fi
  wrong=''
}

# ---- machines and volumes

# machine NAME: a new system, as an image that was never booted.
machine() {
  root=$work/$1/root
  mkdir -p "$work/$1" "$root"
  mount -t tmpfs tmpfs "$work/$1/"
  mkdir -p "$root" "$work/$1/upper" "$work/$1/work"
  mount -t overlay overlay -o "lowerdir=$lower,upperdir=$work/$1/upper,workdir=$work/$1/work" "$root"
  mkdir -p "$root/root/.cache/pip" "$root/stands/calls" "$root/dev/disk/by-id" "$root/etc/pki"
  mount -t tmpfs tmpfs "$root/run"
  mount -t tmpfs tmpfs "$root/tmp"
  mount -t tmpfs tmpfs "$root/dev"
  mkdir -p "$root/dev/disk/by-id" "$root/dev/shm"
  mknod "$root/dev/null" c 1 3; mknod "$root/dev/zero" c 1 5; mknod "$root/dev/urandom" c 1 9; mknod "$root/dev/random" c 1 8
  chmod 0666 "$root"/dev/{null,zero,urandom,random}
  ln -s /proc/self/fd "$root/dev/fd"
  mount -t sysfs -o ro sysfs "$root/sys"
  mount --bind "$cache/pip" "$root/root/.cache/pip"
  mount --bind "$cache/lists" "$root/var/lib/apt/lists"
  cp "$stands"/{cfn-init,cfn-signal,aws} "$root/usr/local/bin/"
  chmod 0755 "$root"/usr/local/bin/{cfn-init,cfn-signal,aws}
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  # How this machine reaches its package registries is how the machine in it does.
  cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
  cp -r /etc/apt/apt.conf.d/. "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
  if [ -f /etc/pip.conf ]; then cp /etc/pip.conf "$root/etc/pip.conf"; fi
}

# inside COMMAND...: in namespaces of its own, but with the mounts of this test, which are looked at afterwards.
inside() {
  local code=0
  # shellcheck disable=SC2016  # The inner shell expands them, once it is in the namespaces.
  env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 PIP_ROOT_USER_ACTION=ignore \
    "${pip[@]}" unshare --pid --ipc --fork sh -c 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"' "$root" "$@" \
    >"$work/out" 2>&1 </dev/null || code=$?
  umount "$root/proc"
  return $code
}
mapfile -t pip < <(env | grep -E '^(PIP_|https?_proxy=|HTTPS?_PROXY=|no_proxy=|NO_PROXY=)' | grep -v '^PIP_FIND_LINKS=' || true)

# volume ID SIZE: a blank volume; `attached ID` makes the machine see it.
declare -A device
volume() {
  truncate -s "$2" "$work/$1.img"
  device[$1]=$(losetup --find --show "$work/$1.img")
  loops+=("${device[$1]}")
}
attached() {
  local number
  number=$(cut -d: -f2 "/sys/block/${device[$1]##*/}/dev")
  [ -e "$root${device[$1]}" ] || mknod "$root${device[$1]}" b 7 "$number"
  ln -sf "${device[$1]}" "$root/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${1/-/}"
}

release() { local place; for place in "$@"; do umount "$root$place" 2>/dev/null || wrong=${wrong:-"$place was mounted"}; done; }

calls() { cat "$root/stands/calls/$1" 2>/dev/null || true; }
forget_calls() { rm -f "$root"/stands/calls/*; }
uuid() { blkid -p -s UUID -o value "$1"; }

# ---- what mlinfra renders

# This tree's module over the program's own, so that a script can be changed without building.
mkdir -p "$work/project"/{environments,modules,templates/cloudformation}
ln -s "$PWD/modules/ec2-workbench.toml" "$work/project/modules/"
ln -s "$PWD/templates/cloudformation/ec2-workbench.yaml" "$work/project/templates/cloudformation/"
ln -s "$PWD/templates/user-data" "$work/project/templates/"
# rendered NAME <<TOML: a workbench with these inputs; its user data and metadata are then what the machine gets.
rendered() {
  { printf '[project]\nname = "demo"\n[environment]\naccount = "111122223333"\nregion = "us-east-1"\n'
    printf '[stacks.network]\nmodule = "vpc"\n[stacks.bench]\nmodule = "ec2-workbench"\n'
    cat
  } >"$work/project/environments/$1.toml"
  (cd "$work/project" && "$binary" render "$1" bench --no-input >"$work/$1.json")
}
# user_data NAME: lays down what EC2 and CloudFormation would hand to the machine.
user_data() {
  cp "$work/$1.json" "$root/stands/template.json"
  python3 -c 'import json, sys
print(json.load(open(sys.argv[1]))["Resources"]["Instance"]["Properties"]["UserData"]["Fn::Base64"], end="")' \
    "$work/$1.json" >"$root/stands/user-data"
}
first_boot() { inside bash /stands/user-data; }
next_boot() { inside /opt/workbench/bin/workbench.sh boot; }
# A first boot that finds the configuration as `edited` left it, in this environment.
boot_as_edited() {
  touch "$root/stands/fetch-nothing"
  inside env "$@" bash /stands/user-data
}
# edited KEY=JSON...: changes the machine's configuration in place.
edited() {
  python3 - "$root/etc/workbench/config.json" "$@" <<'PYTHON'
import json, sys
config = json.load(open(sys.argv[1]))
for change in sys.argv[2:]:
    key, value = change.split("=", 1)
    target = config
    *path, last = key.split(".")
    for part in path:
        target = target[part]
    target[last] = json.loads(value)
json.dump(config, open(sys.argv[1], "w"))
PYTHON
}

rendered plain <<'TOML'
python_packages = ["packaging==24.1"]
python_requirements = "idna==3.7\n"
packages = ["tree"]
[stacks.bench.data_volumes.data]
mount = "/data"
[stacks.bench.data_volumes.old]
filesystem = "ext4"
mount = "/srv/old"
TOML
rendered ansible <<'TOML'
setup = "ansible"
python_packages = ["packaging==24.1"]
packages = ["tree"]
[stacks.bench.data_volumes.data]
mount = "/data"
[stacks.bench.data_volumes.old]
filesystem = "ext4"
mount = "/srv/old"
TOML

# ---- cases

begin "the scripts pass shellcheck"
expect "no finding" shellcheck --external-sources --shell=bash templates/user-data/*.sh
shellcheck --external-sources --shell=bash templates/user-data/*.sh >"$work/out" || true
verdict

begin "user data stays below EC2's 16 KB"
machine plain
user_data plain
expect "less than 16,384 bytes" [ "$(stat -c %s "$root/stands/user-data")" -lt 16384 ]
verdict

begin "a first boot formats, mounts, installs, and signals success once"
volume vol-0data 400M
volume vol-0old 100M
attached vol-0data
attached vol-0old
expect "the user data succeeds" first_boot
expect "one signal" [ "$(calls cfn-signal | wc -l)" = 1 ]
expect "success, for the instance of the stack" grep -q -- '--exit-code 0 .*--stack demo-plain-bench --resource Instance --region us-east-1' <(calls cfn-signal)
expect "xfs on the first volume" [ "$(blkid -p -s TYPE -o value "${device[vol-0data]}")" = xfs ]
expect "ext4 on the second" [ "$(blkid -p -s TYPE -o value "${device[vol-0old]}")" = ext4 ]
expect "/data is mounted" mountpoint -q "$root/data"
expect "/srv/old is mounted" mountpoint -q "$root/srv/old"
expect "both are in fstab, by UUID and with nofail" [ "$(grep -c '^UUID=.*nofail' "$root/etc/fstab")" = 2 ]
expect "fstab names the file system that is on the volume" grep -q "^UUID=$(uuid "${device[vol-0data]}") /data xfs " "$root/etc/fstab"
expect "/data belongs to the person" [ "$(stat -c %u "$root/data")" = 1000 ]
expect "no call of aws for volumes that are attached" [ -z "$(calls aws)" ]
verdict

begin "its Python environment holds what was asked for"
expect "packaging and idna can be imported" inside /opt/workbench/python/bin/python -c \
  'import packaging, idna; assert packaging.__version__ == "24.1" and idna.__version__ == "3.7"'
expect "a login shell of the person finds it" inside su - ml -c 'command -v pip | grep -qx /opt/workbench/python/bin/pip'
expect "the person may install" inside su - ml -c 'test -w /opt/workbench/python'
verdict

begin "JupyterLab runs as the person, on loopback alone, and asks for its token"
cp "$stands/jupyter.py" "$root/stands/"
cp templates/user-data/units/workbench-jupyter.service "$root/opt/workbench/units/"
edited python.jupyter='"true"'
expect "it is installed" inside /opt/workbench/bin/python.sh
expect "it starts on each boot" inside systemctl is-enabled workbench-jupyter.service
expect "systemd-analyze has nothing to say" inside systemd-analyze verify --man=no /etc/systemd/system/workbench-jupyter.service
expect "it answers with the token and refuses without" inside python3 /stands/jupyter.py
verdict

begin "a package of the image's package manager is installed"
expect "tree" test -x "$root/usr/bin/tree"
verdict

begin "systemd accepts its units, and starts them on each boot"
for unit in workbench.service workbench-idle.timer workbench-limit.timer; do
  expect "$unit is enabled" inside systemctl is-enabled "$unit"
done
expect "systemd-analyze has nothing to say" inside systemd-analyze verify --man=no /etc/systemd/system/workbench.service \
  /etc/systemd/system/workbench-idle.timer /etc/systemd/system/workbench-limit.timer
expect "the hard limit is a day" grep -qx OnBootSec=24h "$root/etc/systemd/system/workbench-limit.timer"
verdict

begin "a second boot changes nothing: no formatting, no installing, no signal"
# The configuration is what the stack says again, without Jupyter: that counts as a change of the environment, once.
expect "it succeeds" next_boot
echo keep >"$root/data/marker"
before="$(uuid "${device[vol-0data]}") $(uuid "${device[vol-0old]}") $(stat -c %Y "$root/opt/workbench/python/.installed") $(sha256sum <"$root/etc/fstab")"
forget_calls
expect "it succeeds" next_boot
after="$(uuid "${device[vol-0data]}") $(uuid "${device[vol-0old]}") $(stat -c %Y "$root/opt/workbench/python/.installed") $(sha256sum <"$root/etc/fstab")"
expect "the same file systems, environment and fstab" [ "$before" = "$after" ]
expect "the file is still there" grep -qx keep "$root/data/marker"
expect "the configuration was fetched" grep -q -- '--resource Instance' <(calls cfn-init)
expect "no signal" [ -z "$(calls cfn-signal)" ]
refute "nothing was formatted" grep -q formatting "$work/out"
verdict

begin "a boot without CloudFormation goes on with what is on the disk"
touch "$root/stands/cfn-init-fails"
expect "it succeeds" next_boot
expect "it says so" grep -q 'could not be fetched anew' "$work/out"
rm "$root/stands/cfn-init-fails"
verdict

begin "enlarged volumes are filled at the next boot"
truncate -s 700M "$work/vol-0data.img"
losetup --set-capacity "${device[vol-0data]}"
# The kernel lets only CAP_SYS_RESOURCE resize an ext4 that is mounted, which containers often lack; EC2's root has it.
if (($(awk '/^CapEff/ { print "0x" $2 }' /proc/self/status) >> 24 & 1)); then
  truncate -s 300M "$work/vol-0old.img"
  losetup --set-capacity "${device[vol-0old]}"
else
  echo "        without CAP_SYS_RESOURCE on this machine, ext4 is not enlarged; xfs is"
fi
expect "it succeeds" next_boot
expect "xfs grew" [ "$(df --output=size -BM "$root/data" | tail -n 1 | tr -dc 0-9)" -gt 550 ]
expect "ext4 fills its volume" [ "$(df --output=size -B1 "$root/srv/old" | tail -n 1)" -gt $(($(blockdev --getsize64 "${device[vol-0old]}") * 8 / 10)) ]
expect "the file is still there" grep -qx keep "$root/data/marker"
verdict

begin "limits that are taken away take their timers away"
edited idle_minutes='"0"' max_run_hours='"0"'
expect "it succeeds" inside /opt/workbench/bin/workbench.sh setup
refute "no idle timer" test -e "$root/etc/systemd/system/workbench-idle.timer"
refute "it is not wanted" test -L "$root/etc/systemd/system/timers.target.wants/workbench-idle.timer"
refute "no limit timer" test -e "$root/etc/systemd/system/workbench-limit.timer"
verdict

begin "a new machine takes the volumes over from the one that it replaces, last of all"
release /data /srv/old
machine replacement
user_data plain
mkdir -p "$root/stands/calls"
for id in vol-0data vol-0old; do
  echo i-0old >"$root/stands/holder-$id"
  mknod "$root${device[$id]}" b 7 "$(cut -d: -f2 "/sys/block/${device[$id]##*/}/dev")"
  echo "${device[$id]}" >"$root/stands/device-$id"
done
printf 'WORKBENCH_INSTANCE=i-0new\nexport WORKBENCH_INSTANCE\n' | cat - "$root/stands/user-data" >"$root/stands/with-identity"
expect "the user data succeeds" inside bash /stands/with-identity
expect "stop, wait, detach, wait, attach" [ "$(calls aws | grep vol-0data -A99 | grep -oE 'stop-instances|instance-stopped|detach-volume|volume-available|attach-volume' | head -n 5 | paste -sd' ')" = "stop-instances instance-stopped detach-volume volume-available attach-volume" ]
expect "to itself" grep -q -- 'attach-volume --volume-id vol-0data --instance-id i-0new --device /dev/sdf' <(calls aws)
expect "the second one under the next name" grep -q -- 'attach-volume --volume-id vol-0old --instance-id i-0new --device /dev/sdg' <(calls aws)
expect "what the first machine wrote is there" grep -qx keep "$root/data/marker"
expect "it signals success" grep -q -- '--exit-code 0' <(calls cfn-signal)
verdict

begin "a volume with a partition table is left alone, and the reason is signalled"
release /data /srv/old
volume vol-0parts 50M
# One partition of type Linux from sector 2048 on, and the signature.
printf '\0\0\0\0\203\0\0\0\0\010\0\0\0\100\1\0' | dd of="$work/vol-0parts.img" bs=1 seek=446 conv=notrunc status=none
printf '\125\252' | dd of="$work/vol-0parts.img" bs=1 seek=510 conv=notrunc status=none
before=$(sha256sum <"$work/vol-0parts.img")
attached vol-0parts
edited 'volumes=[{"id": "vol-0parts", "mount": "/data", "filesystem": "xfs", "format": "true"}]'
forget_calls
refute "the setup does not succeed" boot_as_edited
expect "a failure with step, volume and reason" grep -q -- '--exit-code 1 --id volumes: vol-0parts holds a partition table' <(calls cfn-signal)
expect "one signal" [ "$(calls cfn-signal | wc -l)" = 1 ]
expect "not a byte changed" [ "$before" = "$(sha256sum <"$work/vol-0parts.img")" ]
verdict

begin "a volume with data that nobody knows is left alone"
volume vol-0raw 50M
printf 'precious' | dd of="$work/vol-0raw.img" bs=1 seek=4096 conv=notrunc status=none
attached vol-0raw
edited 'volumes=[{"id": "vol-0raw", "mount": "/data", "filesystem": "xfs", "format": "true"}]'
refute "the setup does not succeed" inside /opt/workbench/bin/workbench.sh setup
expect "it says why" grep -q 'vol-0raw holds unknown data' "$work/out"
expect "the data is there" grep -q precious "$work/vol-0raw.img"
verdict

begin "a volume from a snapshot is never formatted"
volume vol-0empty 50M
attached vol-0empty
edited 'volumes=[{"id": "vol-0empty", "mount": "/data", "filesystem": "ext4", "format": "false"}]'
refute "the setup does not succeed" inside /opt/workbench/bin/workbench.sh setup
expect "it says why" grep -q 'vol-0empty comes from a snapshot, but holds nothing' "$work/out"
expect "it is still blank" cmp -s -n 50000000 "$work/vol-0empty.img" /dev/zero
verdict

begin "a volume that holds another file system than asked for is used as it is"
edited 'volumes=[{"id": "vol-0old", "mount": "/data", "filesystem": "xfs", "format": "true"}]'
attached vol-0old
before=$(uuid "${device[vol-0old]}")
expect "it succeeds" inside /opt/workbench/bin/workbench.sh setup
expect "the same file system" [ "$before" = "$(uuid "${device[vol-0old]}")" ]
expect "it is ext4 on /data" [ "$(findmnt -n -o FSTYPE --mountpoint "$root/data")" = ext4 ]
expect "fstab has one line for it" [ "$(grep -c vol-0old "$root/etc/fstab" || true)$(grep -c " /data " "$root/etc/fstab")" = 01 ]
release /data
verdict

begin "a package that does not exist fails the setup before a volume is touched"
edited 'volumes=[{"id": "vol-0away", "mount": "/data", "filesystem": "xfs", "format": "true"}]' \
  'python.packages=["mlinfra-no-such-package==0.0.1"]'
forget_calls
refute "the setup does not succeed" boot_as_edited
expect "the step and pip's last words are signalled" grep -q -- '--exit-code 1 --id python: ERROR: No matching distribution found' <(calls cfn-signal)
expect "no instance was stopped, no volume asked for" [ -z "$(calls aws)" ]
verdict

begin "an instance without a GPU that was to have one says so"
edited gpu='"true"' 'python.packages=[]' 'volumes=[]'
cp templates/user-data/drivers.sh "$root/opt/workbench/bin/drivers.sh"
forget_calls
refute "the setup does not succeed" boot_as_edited WORKBENCH_PCI=/nothing
expect "the reason" grep -q -- '--id drivers: gpu = true, but this instance type has no NVIDIA GPU' <(calls cfn-signal)
verdict

begin "a driver that works is left as it is"
printf '#!/bin/sh\necho "NVIDIA L4, 595.91"\n' >"$root/usr/local/bin/nvidia-smi"
chmod 0755 "$root/usr/local/bin/nvidia-smi"
expect "it succeeds" inside env WORKBENCH_PCI=/nothing bash /opt/workbench/bin/drivers.sh
expect "it names the GPU" grep -q 'NVIDIA L4' "$work/out"
verdict

# idle SECONDS LOAD GPU: what the timer's check does then; the machine has been up for so long.
idle() {
  mkdir -p "$root/stands/proc"
  echo "$1.00 0.00" >"$root/stands/proc/uptime"
  echo "9.00 $2 9.00 1/100 1" >"$root/stands/proc/loadavg"
  printf '#!/bin/sh\necho %s\n' "$3" >"$root/usr/local/bin/nvidia-smi"
  rm -f "$root/stands/off"
  inside env WORKBENCH_PROC=/stands/proc WORKBENCH_POWEROFF='touch /stands/off' /opt/workbench/bin/idle-stop.sh check
}
begin "an idle machine stops after its minutes, and not before"
edited idle_minutes='"60"'
expect "a check" idle 1000 0.05 0
refute "not yet" test -e "$root/stands/off"
expect "a check" idle 3700 0.05 0
expect "an hour without use" test -e "$root/stands/off"
verdict

begin "load, a GPU, a connection or a wish keep it running"
expect "load" idle 9000 0.80 0
refute "kept by load" test -e "$root/stands/off"
expect "and counts from then" idle 9500 0.05 0
refute "kept since" test -e "$root/stands/off"
expect "a GPU" idle 20000 0.05 97
refute "kept by the GPU" test -e "$root/stands/off"
touch "$root/run/workbench-keep"
expect "a wish" idle 40000 0.05 0
refute "kept by the file" test -e "$root/stands/off"
rm "$root/run/workbench-keep"
expect "a check" idle 80000 0.05 0
expect "stops when all of it is gone" test -e "$root/stands/off"
# A worker of a session, as the agent starts them.
inside env WORKBENCH_PROC=/stands/proc WORKBENCH_POWEROFF='touch /stands/off' bash -c \
  'rm -f /stands/off; bash -c "exec -a ssm-session-worker sleep 60" & sleep 0.2; /opt/workbench/bin/idle-stop.sh check; kill %1' || wrong=${wrong:-session}
refute "kept by a session" test -e "$root/stands/off"
verdict

unmount "$work/replacement"
begin "the playbook passes ansible-playbook --syntax-check"
machine ansible
user_data ansible
volume vol-0adata 400M
volume vol-0aold 100M
# The same logical names as above, other volumes.
device[vol-0data]=${device[vol-0adata]} device[vol-0old]=${device[vol-0aold]}
attached vol-0data
attached vol-0old
expect "Ansible is installed" inside bash -c 'cfn-init && /opt/workbench/bin/ansible.sh install'
expect "syntax" inside /opt/workbench/ansible-python/bin/ansible-playbook --syntax-check -i localhost, /opt/workbench/ansible/site.yml
verdict

begin "a first boot with Ansible does the same"
expect "the user data succeeds" first_boot
expect "it signals success" grep -q -- '--exit-code 0' <(calls cfn-signal)
expect "one signal" [ "$(calls cfn-signal | wc -l)" = 1 ]
expect "xfs on /data" [ "$(findmnt -n -o FSTYPE --mountpoint "$root/data")" = xfs ]
expect "ext4 on /srv/old" [ "$(findmnt -n -o FSTYPE --mountpoint "$root/srv/old")" = ext4 ]
expect "both are in fstab" [ "$(grep -c '^UUID=.*nofail' "$root/etc/fstab")" = 2 ]
expect "/data belongs to the person" [ "$(stat -c %u "$root/data")" = 1000 ]
expect "the package" test -x "$root/usr/bin/tree"
expect "the timers" inside bash -c 'systemctl is-enabled workbench-idle.timer workbench-limit.timer workbench.service'
verdict

begin "its Python environment holds what was asked for, too"
expect "packaging can be imported" inside /opt/workbench/python/bin/python -c 'import packaging; assert packaging.__version__ == "24.1"'
verdict

begin "a second run of the playbook changes nothing"
echo keep >"$root/data/marker"
before="$(uuid "${device[vol-0data]}") $(uuid "${device[vol-0old]}")"
expect "it succeeds" inside /opt/workbench/bin/ansible.sh builtin packages,python,limits,volumes
expect "changed=0" grep -q 'changed=0 .*failed=0' "$work/out"
expect "the same file systems" [ "$before" = "$(uuid "${device[vol-0data]}") $(uuid "${device[vol-0old]}")" ]
expect "the file is still there" grep -qx keep "$root/data/marker"
verdict

begin "Ansible fills enlarged volumes"
truncate -s 700M "$work/vol-0adata.img"
losetup --set-capacity "${device[vol-0data]}"
expect "it succeeds" inside /opt/workbench/bin/ansible.sh builtin volumes
expect "it grew" [ "$(df --output=size -BM "$root/data" | tail -n 1 | tr -dc 0-9)" -gt 550 ]
verdict

begin "Ansible leaves unknown data alone"
attached vol-0raw
edited 'volumes=[{"id": "vol-0raw", "mount": "/raw", "filesystem": "xfs", "format": "true"}]'
refute "it does not succeed" inside /opt/workbench/bin/ansible.sh builtin volumes
expect "it says why" grep -q 'neither formatted nor mounted' "$work/out"
expect "the data is there" grep -q precious "$work/vol-0raw.img"
edited 'volumes=[]'
verdict

begin "a playbook of one's own is pulled from Git and run with the configuration"
mkdir -p "$root/stands/repository"
cat >"$root/stands/repository/mine.yml" <<'PLAYBOOK'
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.copy:
        dest: /stands/pulled
        content: "{{ stack }} {{ max_run_hours }}"
        mode: "0644"
PLAYBOOK
inside bash -c 'cd /stands/repository && git init -q -b main && git add . && git -c user.name=t -c user.email=t@t commit -qm one'
edited 'ansible={"repository": "file:///stands/repository", "ref": "main", "playbook": "mine.yml"}'
expect "it succeeds" inside /opt/workbench/bin/ansible.sh pull
expect "it ran with the variables" grep -qx 'demo-ansible-bench 24' "$root/stands/pulled"
verdict

begin "a playbook of one's own that fails fails the setup"
edited 'ansible={"repository": "file:///stands/repository", "ref": "main", "playbook": "missing.yml"}'
forget_calls
refute "it does not succeed" boot_as_edited
expect "the step is signalled" grep -q -- '--exit-code 1 --id pull: ' <(calls cfn-signal)
verdict

printf 'user-data: %s passed, %s failed\n' "$passed" "$failures"
[ "$failures" = 0 ]
