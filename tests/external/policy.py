"""checkov finds nothing in the templates of the three environments but what checkov.toml lists with a reason.

It never asks its vendor's service: the checks are those of the installed version.
"""

import fnmatch
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
MLINFRA = os.environ["MLINFRA_BINARY"]
CHECKOV = os.environ["MLINFRA_CHECKOV"]
ENVIRONMENTS = ("dev", "test", "prod")


def render(folder):
    """Writes each stack's template as ENVIRONMENT/STACK.json and gives how many there are."""
    written = 0
    for environment in ENVIRONMENTS:
        rendered = subprocess.run(
            [MLINFRA, "-C", str(ROOT), "render", environment, "--format", "json"],
            check=True, capture_output=True, text=True,
        )
        for stack, template in json.loads(rendered.stdout).items():
            path = folder / environment / f"{stack}.json"
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(template, indent=1))
            written += 1
    return written


def scan(folder):
    """checkov's reports; it exits with 1 when checks fail, so what counts is what it prints."""
    run = subprocess.run(
        [CHECKOV, "--directory", str(folder), "--framework", "cloudformation", "--output", "json", "--compact",
         "--skip-download"],
        capture_output=True, text=True,
    )
    try:
        report = json.loads(run.stdout)
    except json.JSONDecodeError:
        sys.exit(f"checkov printed no report (exit {run.returncode}):\n{run.stdout}\n{run.stderr}")
    return report if isinstance(report, list) else [report]


def main():
    waivers = tomllib.loads((ROOT / "tests/external/checkov.toml").read_text())["waivers"]
    for waiver in waivers:
        assert set(waiver) == {"check", "environments", "stack", "resource", "reason"} and waiver["reason"].strip(), waiver
    # What a waiver is for in each environment; what is left at the end is for nothing.
    unused = {(index, environment) for index, waiver in enumerate(waivers) for environment in waiver["environments"]}
    passed, problems, scanned = 0, [], set()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        written = render(folder)
        reports = scan(folder)
    for report in reports:
        if report["summary"]["parsing_errors"]:
            problems.append(f"checkov cannot read {report['results']['parsing_errors']}")
        for check in report["results"]["passed_checks"]:
            passed += 1
            scanned.add(check["file_path"])
        for check in report["results"]["failed_checks"]:
            scanned.add(check["file_path"])
            _, environment, file = check["file_path"].split("/")
            stack, resource = file.removesuffix(".json"), check["resource"].split(".")[-1]
            matching = [
                index for index, waiver in enumerate(waivers)
                if waiver["check"] == check["check_id"] and environment in waiver["environments"]
                and waiver["stack"] == stack and fnmatch.fnmatchcase(resource, waiver["resource"])
            ]
            unused -= {(index, environment) for index in matching}
            if matching:
                passed += 1
            else:
                problems.append(f"{check['check_id']} {environment} {stack} {resource}: {check['check_name']}")
    for index, environment in sorted(unused):
        waiver = waivers[index]
        problems.append(f"checkov.toml waives {waiver['check']} of {waiver['resource']} in {environment}, which does not fail")
    if len(scanned) != written:
        problems.append(f"checkov looked at {len(scanned)} templates of {written}")
    for problem in problems:
        print(problem)
    print(f"policy: {passed} passed, {len(problems)} failed")
    sys.exit(1 if problems or not passed else 0)


main()
