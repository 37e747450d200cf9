#!/bin/bash
# Data volumes: takes them over, formats those that hold nothing, mounts them, and grows what was enlarged.
#   volumes.sh attach       every volume is on this instance afterwards
#   volumes.sh mount        every volume is mounted afterwards, now and on each boot
set -Eeuo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$here/lib.sh"
# Nitro names a volume's device by its id, whatever name it was attached under and whichever came first.
: "${WORKBENCH_BY_ID:=/dev/disk/by-id}"
: "${WORKBENCH_FSTAB:=/etc/fstab}"
: "${WORKBENCH_WAIT:=300}"

device() { printf '%s/nvme-Amazon_Elastic_Block_Store_%s' "$WORKBENCH_BY_ID" "${1/-/}"; }

ec2() { aws --region "$(config region)" --output text ec2 "$@"; }

identity() {
  local token
  token=$(curl -sSf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token)
  curl -sSf -H "X-aws-ec2-metadata-token: $token" http://169.254.169.254/latest/meta-data/instance-id
}

# The first device name that EC2 takes for data and that is free; what the machine calls the device is another matter.
free_name() {
  local used letter
  used=$(ec2 describe-volumes --filters "Name=attachment.instance-id,Values=$1" --query 'Volumes[].Attachments[].Device')
  for letter in f g h i j k l m n o p; do
    if ! grep -qw "/dev/sd$letter" <<<"$used"; then echo "/dev/sd$letter" && return; fi
  done
  die "$1 has no device name left"
}

# attach VOLUME: the volume may be nobody's, or still on the instance that this one replaces. CloudFormation deletes
# that one only after this one has signalled, so it is shut down here, which unmounts what it has mounted.
attach() {
  local volume=$1 me=${WORKBENCH_INSTANCE:-} holder waited=0
  if [ -e "$(device "$volume")" ]; then return 0; fi
  [ -n "$me" ] || me=$(identity)
  holder=$(ec2 describe-volumes --volume-ids "$volume" --query 'Volumes[0].Attachments[0].InstanceId')
  if [ "$holder" != None ] && [ "$holder" != "$me" ]; then
    say "$volume is on $holder, which is stopped to take it over"
    ec2 stop-instances --instance-ids "$holder" >/dev/null
    ec2 wait instance-stopped --instance-ids "$holder"
    ec2 detach-volume --volume-id "$volume" --instance-id "$holder" >/dev/null
    ec2 wait volume-available --volume-ids "$volume"
    holder=None
  fi
  if [ "$holder" = None ]; then
    ec2 attach-volume --volume-id "$volume" --instance-id "$me" --device "$(free_name "$me")" >/dev/null
  fi
  while [ ! -e "$(device "$volume")" ]; do
    [ "$waited" -lt "$WORKBENCH_WAIT" ] || die "$volume did not appear as $(device "$volume") within $WORKBENCH_WAIT s"
    sleep 2
    waited=$((waited + 2))
  done
  say "$volume is attached"
}

# What stands on a device: a type, `empty`, or a reason to keep away from it.
content() {
  local answer status=0
  answer=$(blkid -p -o export "$1") || status=$?
  case $status in
    0) ;;
    # Nothing that blkid knows. Only zeros are taken for nothing at all: what else is there may be somebody's.
    2)
      if cmp -s -n 1048576 "$1" /dev/zero; then echo empty; else echo "unknown data"; fi
      return 0
      ;;
    *)
      echo "signatures of more than one file system"
      return 0
      ;;
  esac
  if grep -q '^TYPE=' <<<"$answer"; then
    sed -n 's/^TYPE=//p' <<<"$answer"
  else
    echo "a partition table"
  fi
}

# mount_volume VOLUME MOUNT FILESYSTEM FORMAT
mount_volume() {
  local volume=$1 mount=$2 wanted=$3 format=$4 real found uuid line fresh=0
  [ -e "$(device "$volume")" ] || die "$volume is not attached"
  real=$(readlink -f "$(device "$volume")")
  found=$(content "$real")
  case $found in
    empty)
      [ "$format" = true ] || die "$volume comes from a snapshot, but holds nothing: not formatted"
      install_packages "$([ "$wanted" = xfs ] && echo xfsprogs || echo e2fsprogs)"
      say "$volume is empty: formatting it as $wanted"
      if [ "$wanted" = xfs ]; then mkfs.xfs -q "$real"; else mkfs.ext4 -q -m 0 "$real"; fi
      found=$wanted fresh=1
      ;;
    ext4 | xfs)
      if [ "$found" != "$wanted" ]; then say "$volume holds $found, not $wanted: used as it is"; fi
      ;;
    *) die "$volume holds $found: neither formatted nor mounted" ;;
  esac
  uuid=$(blkid -p -s UUID -o value "$real")
  # `nofail`: a volume that is missing must not keep the machine from booting, and its people from looking why.
  line="UUID=$uuid $mount $found defaults,nofail,x-systemd.device-timeout=30s 0 2"
  if ! grep -qxF "$line" "$WORKBENCH_FSTAB" 2>/dev/null; then
    if [ -e "$WORKBENCH_FSTAB" ]; then
      awk -v mount="$mount" -v uuid="UUID=$uuid" '$2 != mount && $1 != uuid' "$WORKBENCH_FSTAB" >"$WORKBENCH_FSTAB.new"
    fi
    printf '%s\n' "$line" >>"$WORKBENCH_FSTAB.new"
    mv "$WORKBENCH_FSTAB.new" "$WORKBENCH_FSTAB"
    if systemd_runs; then systemctl daemon-reload; fi
  fi
  mkdir -p "$mount"
  if ! mountpoint -q "$mount"; then
    if [ -n "$(ls -A "$mount")" ]; then say "$mount is not empty; what is in it is hidden below the volume"; fi
    # By its device: udev may not have seen yet what was just written.
    mount -t "$found" "$real" "$mount"
  fi
  [ "$(findmnt -n -o UUID --mountpoint "$mount")" = "$uuid" ] || die "$mount is taken by something else than $volume"
  # Fills a volume that was enlarged; does nothing to one that was not.
  if [ "$found" = xfs ]; then xfs_growfs "$mount" >/dev/null; else resize2fs "$real"; fi
  if [ "$fresh" = 1 ]; then chown "$(person):" "$mount"; fi
  say "$volume is mounted on $mount"
}

while IFS= read -r entry; do
  volume=$(field id <<<"$entry")
  case ${1:-} in
    attach) attach "$volume" ;;
    mount)
      mount_volume "$volume" "$(field mount <<<"$entry")" "$(field filesystem <<<"$entry")" "$(field format <<<"$entry")"
      ;;
    *) die "say attach or mount" ;;
  esac
done < <(config volumes)
