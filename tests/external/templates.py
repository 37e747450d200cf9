"""Every template of the three environments passes cfn-lint without an error."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
MLINFRA = os.environ["MLINFRA_BINARY"]


def main():
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for environment in ("dev", "test", "prod"):
            rendered = subprocess.run(
                [MLINFRA, "-C", str(ROOT), "render", environment, "--format", "json"],
                check=True, capture_output=True, text=True,
            )
            for stack, template in json.loads(rendered.stdout).items():
                path = pathlib.Path(folder) / f"{environment}-{stack}.json"
                path.write_text(json.dumps(template))
                lint = subprocess.run(
                    [pathlib.Path(sys.executable).parent / "cfn-lint", "--regions", "us-east-1", "--", str(path)],
                    capture_output=True, text=True,
                )
                # 2, 6, 10, 14 hold errors; 4, 8, 12 only warnings and remarks.
                if lint.returncode & 2:
                    failed += 1
                    print(f"{environment} {stack}:\n{lint.stdout}")
                else:
                    passed += 1
    print(f"templates: {passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


main()
