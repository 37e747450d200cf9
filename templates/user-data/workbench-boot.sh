# The body of the user data: what has to fit into 16 KB. It fetches everything else, which is in the instance's metadata
# in the stack, runs it, and tells CloudFormation how that went. Before it stand two lines that set WORKBENCH_STACK and
# WORKBENCH_REGION. Cloud-init runs it once, on the first boot; later boots run workbench.service, and signal nothing.
set -Eeuo pipefail
WORKBENCH_RESOURCE=Instance
root=${WORKBENCH_ROOT:-/opt/workbench}
source=${WORKBENCH_CFN_SOURCE:-https://s3.amazonaws.com/cloudformation-examples/aws-cfn-bootstrap-py3-latest.tar.gz}
export PATH=$root/tools/bin:/opt/aws/bin:$PATH

# SignalResource takes no reason, but stack events show the id that a signal came with: 64 characters of reason.
signal() {
  local code=$1 reason=$2 id
  id=$(printf '%s' "$reason" | tr -c '[:alnum:] .,:;/_()=+-' ' ' | cut -c1-64)
  cfn-signal --exit-code "$code" --id "$id" --reason "$reason" \
    --stack "$WORKBENCH_STACK" --resource "$WORKBENCH_RESOURCE" --region "$WORKBENCH_REGION"
}

# Without CloudFormation's own programs nothing can be told: the stack then waits until its timeout.
failed() {
  trap - ERR
  echo "workbench: $1" >&2
  # The system log keeps it for a while after the instance was taken away again.
  if [ -w /dev/console ]; then echo "workbench: $1" >/dev/console || true; fi
  if command -v cfn-signal >/dev/null; then signal 1 "$1" || true; fi
  exit 1
}
trap '[ "$BASH_SUBSHELL" -gt 0 ] || failed "boot: $BASH_COMMAND"' ERR

# Amazon Linux brings them along; elsewhere they come from AWS, into a place of their own.
if ! command -v cfn-init >/dev/null; then
  if command -v apt-get >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv python3-pip ca-certificates
  else
    dnf -y -q install python3 python3-pip
  fi
  python3 -m venv "$root/tools"
  "$root/tools/bin/pip" install --quiet setuptools awscli "$source"
fi

cfn-init --stack "$WORKBENCH_STACK" --resource "$WORKBENCH_RESOURCE" --region "$WORKBENCH_REGION"
if bash "$root/bin/workbench.sh" setup; then
  signal 0 ready
else
  failed "$(cat "${WORKBENCH_STATE:-/var/lib/workbench}/reason")"
fi
