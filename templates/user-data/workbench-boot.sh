# The body of the user data: what has to fit into 16 KB. It fetches everything else, which is in the instance's metadata
# in the stack, and starts it. Before it stand two lines that set WORKBENCH_STACK and WORKBENCH_REGION.
# Cloud-init runs it once, on the first boot; on every later boot workbench.service does.
set -Eeuo pipefail
export WORKBENCH_STACK WORKBENCH_REGION WORKBENCH_RESOURCE=Instance
root=${WORKBENCH_ROOT:-/opt/workbench}
source=${WORKBENCH_CFN_SOURCE:-https://s3.amazonaws.com/cloudformation-examples/aws-cfn-bootstrap-py3-latest.tar.gz}
export PATH=$root/tools/bin:/opt/aws/bin:$PATH

# Without CloudFormation's own programs nothing can be told: the stack then waits until its timeout.
failed() {
  echo "workbench: $1" | tee /dev/console >&2 || true
  if command -v cfn-signal >/dev/null; then
    cfn-signal --success false --id "boot: ${1:0:56}" --reason "$1" \
      --stack "$WORKBENCH_STACK" --resource "$WORKBENCH_RESOURCE" --region "$WORKBENCH_REGION" || true
  fi
  exit 1
}
trap 'failed "line $LINENO: $BASH_COMMAND"' ERR

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
trap - ERR
# From here on workbench.sh tells CloudFormation by itself.
WORKBENCH_SIGNAL=1 exec bash "$root/bin/workbench.sh" setup
