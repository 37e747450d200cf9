"""mlinfra against ministack, an independent implementation of AWS's APIs: the life of an environment, and the lock."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import boto3

HERE = pathlib.Path(__file__).resolve().parent
MLINFRA = os.environ["MLINFRA_BINARY"]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Outside:
    """A project in a folder of its own and the endpoint that it is deployed to."""

    def __init__(self, folder, port):
        self.folder = pathlib.Path(folder) / "project"
        shutil.copytree(HERE / "project", self.folder)
        self.endpoint = f"http://127.0.0.1:{port}"
        self.env = {
            **os.environ,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
            "MLINFRA_ENDPOINT_URL": self.endpoint,
            "MLINFRA_NO_INPUT": "1",
        }
        self.aws = boto3.Session("test", "test", region_name="us-east-1")

    def client(self, service):
        return self.aws.client(service, endpoint_url=self.endpoint)

    def run(self, *arguments, code=0):
        done = subprocess.run([MLINFRA, *arguments], cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=180)
        expect(done.returncode == code, f"mlinfra {' '.join(arguments)}: exit {done.returncode}, wanted {code}\n{done.stdout}{done.stderr}")
        return done

    def edit(self, before, after):
        path = self.folder / "environments/dev.toml"
        text = path.read_text()
        expect(before in text, f"{before!r} is not in the environment file")
        path.write_text(text.replace(before, after))

    def status(self, stack):
        try:
            return self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
        except self.client("cloudformation").exceptions.ClientError:
            return None


def expect(condition, message):
    if not condition:
        raise AssertionError(message)


def an_environment_lives_and_dies(outside):
    outside.run("plan", "dev", code=1)  # no backend yet: says so
    outside.run("bootstrap", "dev")
    outside.run("bootstrap", "dev")  # again: nothing to do
    first = outside.run("plan", "dev", "--detailed-exitcode", code=2)
    expect("known after store" in first.stdout, first.stdout)
    expect(outside.status("outside-dev-store") is None, "a plan leaves no REVIEW_IN_PROGRESS stack behind")
    outside.run("apply", "dev", "--yes")
    outputs = json.loads(outside.run("outputs", "dev", "--format", "json").stdout)
    bucket = outputs["stacks"]["store"]["bucket_name"]
    outside.client("s3").head_bucket(Bucket=bucket)
    outside.run("plan", "dev", "--detailed-exitcode")


def an_update_shows_what_changes_and_changes_it(outside):
    outside.edit('comment = "first"', 'comment = "second"')
    plan = outside.run("plan", "dev", "--detailed-exitcode", code=2)
    expect("Comment" in plan.stdout, plan.stdout)
    outside.run("apply", "dev", "--yes")
    outside.run("plan", "dev", "--detailed-exitcode")


def a_failing_update_is_rolled_back_and_says_why(outside):
    outside.edit('comment = "second"', 'comment = "third"\nfail    = true')
    failed = outside.run("apply", "dev", "--yes", code=6)
    expect("Gate" in failed.stderr, failed.stderr)
    expect(outside.status("outside-dev-store") == "UPDATE_ROLLBACK_COMPLETE", outside.status("outside-dev-store"))
    outside.edit('\nfail    = true', "")
    outside.run("apply", "dev", "--yes")
    outside.run("plan", "dev", "--detailed-exitcode")


def a_saved_plan_is_applied_once_and_a_stale_one_refused(outside):
    outside.edit('comment = "third"', 'comment = "fourth"')
    outside.run("plan", "dev", "--out", "saved.plan")
    outside.run("apply", "saved.plan", "--yes")
    outside.run("apply", "saved.plan", "--yes", code=4)


def a_stuck_stack_is_recovered(outside):
    outside.edit("[stacks.topic]", '[stacks.second]\nmodule = "store"\ncomment = "stuck"\nfail = true\n\n[stacks.topic]')
    # Two stores now, so the reader's wire has to say which one.
    outside.edit('module = "reader"', 'module = "reader"\nbucket_name = "${store.bucket_name}"')
    outside.edit('region  = "us-east-1"', 'region  = "us-east-1"\non_failure = "rollback"')
    outside.run("apply", "dev", "--yes", code=6)
    expect(outside.status("outside-dev-second") == "ROLLBACK_COMPLETE", outside.status("outside-dev-second"))
    outside.edit('comment = "stuck"\nfail = true', 'comment = "free"')
    plan = outside.run("plan", "dev", "--detailed-exitcode", code=2)
    expect("ROLLBACK_COMPLETE" in plan.stdout, plan.stdout)
    outside.run("apply", "dev", "--yes")
    expect(outside.status("outside-dev-second") == "CREATE_COMPLETE", outside.status("outside-dev-second"))


def a_removed_stack_is_deleted(outside):
    outside.edit('[stacks.second]\nmodule = "store"\ncomment = "free"\n', "")
    outside.run("apply", "dev", "--yes")
    expect(outside.status("outside-dev-second") is None, outside.status("outside-dev-second"))


def ten_processes_are_never_two_inside(outside):
    log = outside.folder / "inside.log"
    log.write_text("")
    env = {**outside.env, "MLINFRA_LOCK_TIMEOUT": "120s"}
    contenders = []
    for number in range(10):
        folder = outside.folder.parent / f"contender-{number}"
        shutil.copytree(outside.folder, folder)
        path = folder / "environments/dev.toml"
        path.write_text(path.read_text().replace('comment = "fourth"', f'comment = "contender {number}"'))
        contenders.append(subprocess.Popen(
            [MLINFRA, "apply", "dev", "--yes", "--format", "json"], cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    # 4 is a contender whose plan another one overtook; 0 is one that got in.
    ends = [contender.communicate(timeout=300) + (contender.returncode,) for contender in contenders]
    codes = sorted(code for _, _, code in ends)
    expect(set(codes) <= {0, 4} and 0 in codes, f"exit codes {codes}\n{ends}")
    history = outside.client("s3")
    bucket = json.loads(outside.run("status", "dev", "--format", "json").stdout)["backend"]["bucket"]
    pages = history.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="outside/dev/history/")
    records = [json.loads(history.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()) for page in pages for item in page.get("Contents", [])]
    # Every operation recorded when it was inside and with which fencing token: no two may overlap, no token comes twice.
    inside = sorted((record["started"], record["finished"], record["generation"]) for record in records)
    for (_, finished, _), (started, _, _) in zip(inside, inside[1:]):
        expect(finished <= started, f"two were inside at once: {finished} > {started}")
    tokens = [generation for _, _, generation in inside]
    expect(len(tokens) == len(set(tokens)), f"a fencing token was given twice: {tokens}")


def destroy_leaves_nothing(outside):
    outside.run("destroy", "dev", "--yes")
    for stack in ("store", "reader", "topic", "second"):
        expect(outside.status(f"outside-dev-{stack}") is None, f"{stack} is left: {outside.status(f'outside-dev-{stack}')}")


def main():
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        server_log = open(pathlib.Path(folder) / "server.log", "w")
        server = subprocess.Popen(
            [pathlib.Path(sys.executable).parent / "ministack"], cwd=folder, stdout=server_log, stderr=subprocess.STDOUT,
            env={**os.environ, "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port)})
        passed = failed = 0
        try:
            deadline = time.monotonic() + 60
            while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
                expect(server.poll() is None and time.monotonic() < deadline, "ministack does not start")
                time.sleep(0.1)
            outside = Outside(folder, port)
            for scenario in (
                an_environment_lives_and_dies, an_update_shows_what_changes_and_changes_it,
                a_failing_update_is_rolled_back_and_says_why, a_saved_plan_is_applied_once_and_a_stale_one_refused,
                a_stuck_stack_is_recovered, a_removed_stack_is_deleted, ten_processes_are_never_two_inside,
                destroy_leaves_nothing,
            ):
                began = time.monotonic()
                try:
                    scenario(outside)
                    passed += 1
                    print(f"ok    {scenario.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
                except Exception as problem:  # each scenario builds on those before it; the first failure is the one to read
                    failed += 1
                    print(f"FAIL  {scenario.__name__}: {problem}", flush=True)
                    break
        finally:
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
        print(f"ministack: {passed} passed, {failed} failed")
        sys.exit(1 if failed else 0)


main()
