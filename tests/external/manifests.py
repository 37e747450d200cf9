"""Every manifest that workloads render to is valid by the schemas of Kubernetes itself, strictly: no field that it has not."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import kubernetes_validate

ROOT = pathlib.Path(__file__).resolve().parents[2]
MLINFRA = os.environ["MLINFRA_BINARY"]
VERSIONS = ["1.33", "1.34", "1.35"]
# Not Kubernetes' own: `secrets-store.csi.x-k8s.io`.
FOREIGN = {"SecretProviderClass"}


def render(project, environment, workload):
    run = [MLINFRA, "-C", str(project), "render", environment, "--workload", workload]
    printed = subprocess.run(run, check=True, capture_output=True, text=True).stdout
    return json.loads(printed)["items"]


def main():
    passed, failed, kinds = 0, 0, set()
    with tempfile.TemporaryDirectory() as folder:
        environments = pathlib.Path(folder) / "environments"
        environments.mkdir()
        shutil.copy(ROOT / "tests/specs/good/workloads-of-every-kind.toml", environments / "dev.toml")
        sets = [(name, "scorer", render(ROOT, name, "scorer")) for name in ("dev", "test", "prod")]
        sets += [("every", name, render(folder, "dev", name)) for name in ("scorer", "nightly", "orders")]
        # A batch without a schedule is another kind of object.
        text = (environments / "dev.toml").read_text()
        lines = [line for line in text.splitlines() if not line.startswith(("schedule", "time_zone"))]
        (environments / "dev.toml").write_text("\n".join(lines))
        sets.append(("every", "nightly, once", render(folder, "dev", "nightly")))
    for environment, workload, items in sets:
        for item in items:
            kinds.add(item["kind"])
            if item["kind"] in FOREIGN:
                continue
            for version in VERSIONS:
                try:
                    kubernetes_validate.validate(item, version, strict=True)
                    passed += 1
                except kubernetes_validate.ValidationError as error:
                    failed += 1
                    print(f"{environment} {workload} {item['kind']} in {version}: {error.message} at {list(error.path)}")
    expected = {
        "ServiceAccount", "SecretProviderClass", "Service", "Deployment", "Job", "CronJob",
        "HorizontalPodAutoscaler", "PodDisruptionBudget", "Ingress",
    }
    if kinds != expected:
        failed += 1
        print(f"kinds that were not seen, or are new: {sorted(kinds ^ expected)}")
    # A validator that accepts anything would pass all of this.
    broken = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}, "spec": {"prots": []}}
    try:
        kubernetes_validate.validate(broken, VERSIONS[-1], strict=True)
        failed += 1
        print("a misspelt field is accepted")
    except kubernetes_validate.ValidationError:
        passed += 1
    print(f"manifests: {passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


main()
