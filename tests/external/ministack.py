"""mlinfra against ministack, an independent implementation of AWS's APIs: the life of an environment, and the lock.

Where ministack differs from AWS's documentation, a comment here says so; docs/endpoints.md has the whole list.
"""

import http.client
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import boto3

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MLINFRA = os.environ["MLINFRA_BINARY"]
CONTENDERS = 10


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def expect(condition, message):
    if not condition:
        raise AssertionError(message)


class Outside:
    """A project in a folder of its own and the endpoint that it is deployed to."""

    def __init__(self, folder, port):
        self.folder = pathlib.Path(folder) / "project"
        shutil.copytree(HERE / "project", self.folder)
        self.port = port
        self.endpoint = f"http://127.0.0.1:{port}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MLINFRA_"))}
        self.env = {
            **inherited,
            "HOME": str(folder),  # nobody's configuration files
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
            "MLINFRA_ENDPOINT_URL": self.endpoint,
            "MLINFRA_NO_INPUT": "1",
        }

    def client(self, service, account="test"):
        return boto3.Session(account, "test", region_name="us-east-1").client(service, endpoint_url=self.endpoint)

    def start(self, *arguments, folder=None, **variables):
        return subprocess.Popen(
            [MLINFRA, *arguments], cwd=folder or self.folder, env={**self.env, **variables},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *arguments, code=0, folder=None, **variables):
        process = self.start(*arguments, folder=folder, **variables)
        out, err = process.communicate(timeout=180)
        expect(process.returncode == code, f"mlinfra {' '.join(arguments)}: exit {process.returncode}, wanted {code}\n{out}{err}")
        process.out, process.err = out, err
        return process

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "--format", "json").out)

    def edit(self, before, after, folder=None):
        path = (folder or self.folder) / "environments/dev.toml"
        text = path.read_text()
        expect(before in text, f"{before!r} is not in the environment file:\n{text}")
        path.write_text(text.replace(before, after))

    def status(self, stack):
        cloudformation = self.client("cloudformation")
        try:
            return cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
        except cloudformation.exceptions.ClientError:
            return None

    def wait_for(self, stack, status):
        deadline = time.monotonic() + 60
        while self.status(stack) != status:
            expect(time.monotonic() < deadline, f"{stack} is {self.status(stack)}, not {status}")
            time.sleep(0.05)

    def lock_item(self):
        """The lock as it is in the table, read without mlinfra."""
        table = self.json("status", "dev")["backend"]["table"]
        items = self.client("dynamodb").scan(TableName=table, ConsistentRead=True)["Items"]
        expect(len(items) == 1, f"one environment, one lock: {items}")
        return items[0]

    def records(self):
        """The records of all operations that were inside the lock, in the order in which they began."""
        bucket = self.json("status", "dev")["backend"]["bucket"]
        s3 = self.client("s3")
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="outside/dev/history/")
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        records = [json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]
        return sorted(records, key=lambda record: record["started"])

    def everything(self):
        """All that is there, to see that nothing was touched."""
        cloudformation, s3 = self.client("cloudformation"), self.client("s3")
        stacks = [(one["StackId"], one["StackStatus"], str(one.get("LastUpdatedTime"))) for one in cloudformation.describe_stacks()["Stacks"]]
        sets = [summary["ChangeSetId"] for stack, _, _ in stacks for summary in cloudformation.list_change_sets(StackName=stack)["Summaries"]]
        objects = {}
        for bucket in s3.list_buckets()["Buckets"]:
            found = s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", [])
            objects[bucket["Name"]] = [(one["Key"], one["ETag"]) for one in found]
        return stacks, sorted(sets), objects, self.lock_item()


class Witness:
    """Stands between mlinfra and the endpoint and notes which operations are called."""

    def __init__(self, port):
        self.calls = []
        witness = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                action = re.search(rb"(?:^|&)Action=(\w+)", body)
                witness.calls.append(action.group(1).decode() if action else self.headers.get("X-Amz-Target") or f"{self.command} {self.path}")
                upstream = http.client.HTTPConnection("127.0.0.1", port)
                upstream.request(self.command, self.path, body, dict(self.headers))
                answer = upstream.getresponse()
                content = answer.read()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = forward

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Sampler(threading.Thread):
    """Reads the lock's item again and again while others contend for it."""

    def __init__(self, outside):
        super().__init__(daemon=True)
        self.table = outside.json("status", "dev")["backend"]["table"]
        self.dynamodb = outside.client("dynamodb")
        self.seen, self.reads, self.done = [], 0, threading.Event()

    def run(self):
        while not self.done.is_set():
            for item in self.dynamodb.scan(TableName=self.table, ConsistentRead=True)["Items"]:
                self.reads += 1
                now = (int(item["generation"]["N"]), item["held"]["BOOL"], item["lease_id"]["S"])
                if not self.seen or self.seen[-1] != now:
                    self.seen.append(now)


def without_a_backend_a_plan_says_what_to_do(outside):
    refused = outside.run("plan", "dev", code=1)
    expect("mlinfra bootstrap dev" in refused.err, refused.err)


def an_environment_is_made(outside):
    # One after the other: several change sets executed at once on one draft leave ministack with orphaned resources,
    # where AWS deletes the other change sets with the first execution.
    outside.run("bootstrap", "dev")
    again = outside.run("bootstrap", "dev")
    expect("Nothing to do" in again.err, again.err)
    first = outside.run("plan", "dev", "--detailed-exitcode", code=2)
    expect("known after store" in first.out, first.out)
    expect(outside.status("outside-dev-store") is None, "a plan leaves no REVIEW_IN_PROGRESS stack behind")
    outside.run("apply", "dev", "--yes")
    bucket = outside.json("outputs", "dev")["stacks"]["store"]["bucket_name"]
    outside.client("s3").head_bucket(Bucket=bucket)
    expect("no changes" in outside.run("plan", "dev", "--detailed-exitcode").out, "a plan after an apply has no changes")
    states = {stack["status"] for stack in outside.json("status", "dev")["stacks"]}
    expect(states == {"CREATE_COMPLETE"}, states)


def an_update_shows_what_changes_and_changes_it(outside):
    outside.edit('comment = "first"', 'comment = "second"')
    plan = outside.run("plan", "dev", "--detailed-exitcode", code=2)
    # ministack's change sets name the property and give no values: those come from the two templates.
    expect(re.search(r"Comment .*\n +Value: first → second", plan.out), plan.out)
    outside.run("apply", "dev", "--yes")
    parameter = outside.client("ssm").get_parameter(Name=resource(outside, "outside-dev-store", "Comment"))
    expect(parameter["Parameter"]["Value"] == "second", parameter)
    outside.run("plan", "dev", "--detailed-exitcode")


def resource(outside, stack, logical_id):
    found = outside.client("cloudformation").describe_stack_resource(StackName=stack, LogicalResourceId=logical_id)
    return found["StackResourceDetail"]["PhysicalResourceId"]


def a_failing_update_is_rolled_back_and_says_why(outside):
    outside.edit('comment = "second"', 'comment = "third"\nfail    = true')
    failed = outside.run("apply", "dev", "--yes", code=6)
    expect("Gate" in failed.err and "store.yaml" in failed.err, failed.err)
    expect(outside.status("outside-dev-store") == "UPDATE_ROLLBACK_COMPLETE", outside.status("outside-dev-store"))
    parameter = outside.client("ssm").get_parameter(Name=resource(outside, "outside-dev-store", "Comment"))
    expect(parameter["Parameter"]["Value"] == "second", parameter)
    outside.edit('\nfail    = true', "")
    outside.run("apply", "dev", "--yes")
    outside.run("plan", "dev", "--detailed-exitcode")


def a_saved_plan_is_applied_exactly_and_once(outside):
    outside.edit('comment = "third"', 'comment = "fourth"')
    outside.run("plan", "dev", "--out", "saved.plan")
    outside.run("plan", "dev", "--out", "overtaken.plan")
    reviewed = outside.client("cloudformation").list_change_sets(StackName="outside-dev-store")["Summaries"]
    outside.run("apply", "saved.plan", "--yes")
    outside.run("plan", "dev", "--detailed-exitcode")
    executed = {change["change_set"] for change in outside.records()[-1]["stacks"].values()} - {None}
    expect(executed <= {one["ChangeSetId"] for one in reviewed}, f"executed {executed}, reviewed {reviewed}")
    outside.run("apply", "saved.plan", "--yes", code=4)
    moved = outside.run("apply", "overtaken.plan", "--yes", code=4)
    expect("store" in moved.err, moved.err)


def a_template_too_large_for_a_request_goes_through_the_bucket(outside):
    outside.edit('comment = "fourth"', 'comment = "large"\npadding = 600')
    outside.run("plan", "dev", "--detailed-exitcode", code=2)
    outside.run("apply", "dev", "--yes")
    deployed = outside.client("cloudformation").get_template(StackName="outside-dev-store")["TemplateBody"]
    expect(len(deployed if isinstance(deployed, str) else json.dumps(deployed)) > 51_200, "the template is not large")
    outside.run("plan", "dev", "--detailed-exitcode")
    outside.edit('comment = "large"\npadding = 600', 'comment = "fourth"')
    outside.run("apply", "dev", "--yes")


def a_stuck_stack_is_recovered(outside):
    outside.edit("[stacks.topic]", '[stacks.second]\nmodule = "store"\ncomment = "stuck"\nfail = true\n\n[stacks.topic]')
    # Two stores now, so the reader's wire has to say which one.
    outside.edit('module = "reader"', 'module = "reader"\nbucket_name = "${store.bucket_name}"')
    outside.edit('region  = "us-east-1"', 'region  = "us-east-1"\non_failure = "rollback"')
    outside.run("apply", "dev", "--yes", code=6)
    expect(outside.status("outside-dev-second") == "ROLLBACK_COMPLETE", outside.status("outside-dev-second"))
    outside.edit('comment = "stuck"\nfail = true', 'comment = "free"')
    plan = outside.run("plan", "dev", "--detailed-exitcode", code=2)
    expect("ROLLBACK_COMPLETE" in plan.out, plan.out)
    outside.run("apply", "dev", "--yes")
    expect(outside.status("outside-dev-second") == "CREATE_COMPLETE", outside.status("outside-dev-second"))


def a_removed_stack_is_deleted(outside):
    outside.edit('[stacks.second]\nmodule = "store"\ncomment = "free"\n', "")
    plan = outside.run("plan", "dev", "--detailed-exitcode", code=2)
    expect("1 to delete" in plan.out, plan.out)
    outside.run("apply", "dev", "--yes")
    expect(outside.status("outside-dev-second") is None, outside.status("outside-dev-second"))


def another_account_is_refused_and_nothing_is_touched(outside):
    folder = outside.folder.parent / "wrong-account"
    shutil.copytree(outside.folder, folder)
    outside.edit('account = "000000000000"', 'account = "111122223333"', folder)
    outside.edit('comment = "fourth"', 'comment = "for another account"', folder)
    before = outside.everything()
    witness = Witness(outside.port)
    for command in (
        ["plan", "dev"], ["apply", "dev", "--yes"], ["destroy", "dev", "--yes"], ["bootstrap", "dev"], ["status", "dev"],
        ["outputs", "dev"], ["lock", "status", "dev"], ["lock", "release", "dev", "--yes"],
    ):
        refused = outside.run(*command, code=5, folder=folder, MLINFRA_ENDPOINT_URL=witness.endpoint)
        expect("111122223333" in refused.err and "000000000000" in refused.err, refused.err)
    expect(set(witness.calls) == {"GetCallerIdentity"}, f"asked for more than who we are: {witness.calls}")
    expect(outside.everything() == before, "something was touched")


def an_unreachable_endpoint_and_missing_credentials_are_told_apart(outside):
    endpoint = f"http://127.0.0.1:{free_port()}"
    began = time.monotonic()
    unreachable = outside.run("plan", "dev", code=1, MLINFRA_ENDPOINT_URL=endpoint)
    expect(endpoint in unreachable.err, unreachable.err)
    expect(time.monotonic() - began < 60, "an endpoint that refuses connections is waited for too long")
    nobody = {name: value for name, value in outside.env.items() if not name.startswith("AWS_") or name == "AWS_EC2_METADATA_DISABLED"}
    done = subprocess.run([MLINFRA, "plan", "dev"], cwd=outside.folder, env=nobody, capture_output=True, text=True, timeout=60)
    expect(done.returncode == 1 and "credentials" in done.stderr and "AWS_PROFILE" in done.stderr, f"{done.returncode}\n{done.stderr}")


def an_interrupted_apply_releases_the_lock(outside):
    outside.edit('comment = "fourth"', 'comment = "fourth"\nfail    = true')
    apply = outside.start("apply", "dev", "--yes")
    outside.wait_for("outside-dev-store", "UPDATE_IN_PROGRESS")
    expect(outside.lock_item()["held"]["BOOL"], "an apply at work holds the lock")
    apply.send_signal(signal.SIGINT)
    out, err = apply.communicate(timeout=60)
    expect(apply.returncode == 130, f"exit {apply.returncode}\n{out}{err}")
    expect(not outside.lock_item()["held"]["BOOL"], "an interrupted apply has released the lock")
    outside.edit('\nfail    = true', "")
    outside.run("apply", "dev", "--yes")


def killed(outside, before, after):
    """Kills an apply in the middle of its work; the lock's item as it leaves it."""
    outside.edit(f'comment = "{before}"', f'comment = "{after}"\nfail    = true')
    apply = outside.start("apply", "dev", "--yes")
    outside.wait_for("outside-dev-store", "UPDATE_IN_PROGRESS")
    apply.kill()
    apply.communicate()
    outside.edit("\nfail    = true", "")
    dead = outside.lock_item()
    expect(dead["held"]["BOOL"], "the dead do not release")
    return dead


def taken_over(outside, dead, by):
    """The lock was given to so many after the dead one, and the environment is as the file says."""
    now = outside.lock_item()
    expect(int(now["generation"]["N"]) == int(dead["generation"]["N"]) + by and not now["held"]["BOOL"], f"{dead}\n{now}")
    outside.run("plan", "dev", "--detailed-exitcode")


def a_killed_apply_is_taken_over_at_once_on_the_same_machine(outside):
    dead = killed(outside, "fourth", "fourth and a half")
    # What the dead one had begun is waited for; it fails, which is told, and the run after that goes on from there.
    attached = outside.run("apply", "dev", "--yes", "--lock-timeout", "0s", code=6)
    expect("waiting for the operation in flight" in attached.err and "Gate" in attached.err, attached.err)
    outside.run("apply", "dev", "--yes")
    taken_over(outside, dead, by=2)


def a_killed_apply_of_another_machine_is_taken_over_after_a_lease(outside):
    dead = killed(outside, "fourth and a half", "fifth")
    # From another machine nobody can see whether the process lives.
    table = outside.json("status", "dev")["backend"]["table"]
    outside.client("dynamodb").update_item(
        TableName=table, Key={"LockId": dead["LockId"]}, UpdateExpression="SET #process = :nobody",
        ExpressionAttributeNames={"#process": "process"}, ExpressionAttributeValues={":nobody": {"S": ""}})
    began = time.monotonic()
    outside.run("apply", "dev", "--yes", "--lock-timeout", "0s", code=3)
    outside.run("apply", "dev", "--yes", "--lock-timeout", "150s")
    waited = time.monotonic() - began
    lease = int(dead["lease_seconds"]["N"])
    expect(lease - 15 <= waited <= lease + 45, f"taken over after {waited:.0f} s of a lease of {lease} s")
    taken_over(outside, dead, by=1)


def ten_processes_are_never_two_inside(outside):
    before = {record["id"] for record in outside.records()}
    first_generation = int(outside.lock_item()["generation"]["N"])
    sampler = Sampler(outside)
    sampler.start()
    codes, problems = [[] for _ in range(CONTENDERS)], []

    def contend(number):
        folder = outside.folder.parent / f"contender-{number}"
        shutil.copytree(outside.folder, folder)
        outside.edit('comment = "fifth"', f'comment = "contender {number}"', folder)
        # A contender whose plan another one overtook is told so (4) and plans again, until it got in.
        while len(codes[number]) < 4 * CONTENDERS:
            done = outside.start("apply", "dev", "--yes", folder=folder, MLINFRA_LOCK_TIMEOUT="120s")
            out, err = done.communicate(timeout=300)
            codes[number].append(done.returncode)
            if done.returncode != 4:
                if done.returncode != 0:
                    problems.append(f"contender {number}: exit {done.returncode}\n{out}{err}")
                return

    threads = [threading.Thread(target=contend, args=(number,)) for number in range(CONTENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sampler.done.set()
    sampler.join()
    expect(not problems, "\n".join(problems))
    expect(all(ended[-1] == 0 for ended in codes), f"not everybody got in: {codes}")

    # 1. By mlinfra's own records: no two overlap in time, and later ones have higher fencing tokens.
    records = [record for record in outside.records() if record["id"] not in before]
    expect(len(records) == CONTENDERS, f"{len(records)} operations were recorded, not {CONTENDERS}")
    for one, next_one in zip(records, records[1:]):
        expect(one["finished"] <= next_one["started"], f"two were inside at once:\n{one}\n{next_one}")
        expect(one["generation"] < next_one["generation"], f"a fencing token did not grow:\n{one}\n{next_one}")
    expect(records[0]["generation"] > first_generation, "a fencing token was given twice")

    # 2. By the lock's item as others see it: a token has one lease id, is never given again, and is let go before the
    #    next one is taken.
    leases = {}
    for (generation, held, lease), (_, was_held, _) in zip(sampler.seen[1:], sampler.seen):
        expect(leases.setdefault(generation, lease) == lease, f"token {generation} was held by two:\n{sampler.seen}")
    for now, then in zip(sampler.seen[1:], sampler.seen):
        expect(now[0] >= then[0], f"a token went back from {then} to {now}")
        expect(now[0] > then[0] or (then[1] and not now[1]), f"a token that was let go is held again: {then}, {now}")

    # 3. By CloudFormation's events: every operation changed the stack once, and all its events lie within its own record.
    events = stack_events(outside, "outside-dev-store")
    begun = [at for status, at in events if status == "UPDATE_IN_PROGRESS" and at >= records[0]["started"]]
    ended = [at for status, at in events if status == "UPDATE_COMPLETE" and at >= records[0]["started"]]
    expect(len(begun) == len(ended) == CONTENDERS, f"{len(begun)} updates began and {len(ended)} ended")
    for record, begin, end in zip(records, begun, ended):
        inside = record["started"] <= begin <= end <= record["finished"]
        expect(inside, f"an update outside of its operation: {begin} to {end}\n{record}")
    return f"{sum(map(len, codes))} attempts, {len(sampler.seen)} states of the lock in {sampler.reads} reads"


def stack_events(outside, stack):
    pages = outside.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=stack)
    events = [event for page in pages for event in page["StackEvents"] if event["ResourceType"] == "AWS::CloudFormation::Stack"]
    # RFC 3339 in UTC, comparable as text with the records, whose fractions have up to nine digits.
    return [(event["ResourceStatus"], event["Timestamp"].strftime("%Y-%m-%dT%H:%M:%S.%f")) for event in reversed(events)]


def destroy_leaves_nothing(outside):
    outside.run("destroy", "dev", "--yes")
    left = [stack["StackName"] for stack in outside.client("cloudformation").describe_stacks()["Stacks"]]
    expect(left == ["outside-mlinfra-bootstrap"], f"left: {left}")
    expect({stack["status"] for stack in outside.json("status", "dev")["stacks"]} == {None}, "status shows stacks")
    buckets = [bucket["Name"] for bucket in outside.client("s3").list_buckets()["Buckets"]]
    expect(len(buckets) == 1, f"only the backend's bucket is left: {buckets}")
    outside.run("destroy", "dev", "--yes")


def the_example_environments_are_bootstrapped(outside):
    for environment, account in (("dev", "111122223333"), ("test", "222233334444"), ("prod", "333344445555")):
        # ministack takes an access key of twelve digits for the account's number.
        for _ in range(2):
            outside.run("bootstrap", environment, folder=ROOT, AWS_ACCESS_KEY_ID=account)
        backend = json.loads(outside.run("status", environment, "--format", "json", folder=ROOT, AWS_ACCESS_KEY_ID=account).out)["backend"]
        expect(account in backend["bucket"], backend)
        outside.client("s3", account).head_bucket(Bucket=backend["bucket"])
        outside.client("dynamodb", account).describe_table(TableName=backend["table"])


def the_modules_that_ministack_knows_come_and_go(outside):
    targets = ["--target", "storage", "--target", "images"]
    for environment, account in (("dev", "111122223333"), ("test", "222233334444"), ("prod", "333344445555")):
        def run(*arguments, code=0, account=account, environment=environment):
            # ministack lets a role be assumed that does not exist, and then says that no policy allows it anything: the
            # preflight believes that, so it is heard in dev only, where no role is taken.
            more = {} if environment == "dev" else {"MLINFRA_NO_PREFLIGHT": "1"}
            return outside.run(*arguments, code=code, folder=ROOT, AWS_ACCESS_KEY_ID=account, **more)

        run("apply", environment, "--yes", *targets)
        run("plan", environment, "--detailed-exitcode", *targets)
        # ministack refuses a template with types that it does not know at once: the run ends while its first note is on the
        # way to the state, and that must not look as if somebody else had written it.
        for _ in range(3):
            refused = run("apply", environment, "--yes", "--target", "network", code=6)
            # Notes are broken into lines as wide as the terminal.
            expect("Unrecognized resource types" in " ".join(refused.err.split()), refused.err)
            expect("error[MLI07" not in refused.err, refused.err)
        if environment == "prod":
            run("destroy", environment, "--yes", code=5)
        else:
            run("destroy", environment, "--yes")


SCENARIOS = (
    without_a_backend_a_plan_says_what_to_do,
    an_environment_is_made,
    an_update_shows_what_changes_and_changes_it,
    a_failing_update_is_rolled_back_and_says_why,
    a_saved_plan_is_applied_exactly_and_once,
    a_template_too_large_for_a_request_goes_through_the_bucket,
    a_stuck_stack_is_recovered,
    a_removed_stack_is_deleted,
    another_account_is_refused_and_nothing_is_touched,
    an_unreachable_endpoint_and_missing_credentials_are_told_apart,
    an_interrupted_apply_releases_the_lock,
    a_killed_apply_is_taken_over_at_once_on_the_same_machine,
    a_killed_apply_of_another_machine_is_taken_over_after_a_lease,
    ten_processes_are_never_two_inside,
    destroy_leaves_nothing,
    the_example_environments_are_bootstrapped,
    the_modules_that_ministack_knows_come_and_go,
)


def start(folder, port):
    log = open(pathlib.Path(folder) / "server.log", "w")
    server = subprocess.Popen(
        [pathlib.Path(sys.executable).parent / "ministack"], cwd=folder, stdout=log, stderr=subprocess.STDOUT,
        env={**os.environ, "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port)})
    deadline = time.monotonic() + 60
    while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
        expect(server.poll() is None and time.monotonic() < deadline, "ministack does not start")
        time.sleep(0.1)
    return server


def main():
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        server = start(folder, port)
        passed = failed = 0
        try:
            outside = Outside(folder, port)
            for scenario in SCENARIOS:
                began = time.monotonic()
                try:
                    seen = scenario(outside)
                    passed += 1
                    print(f"ok    {scenario.__name__} ({time.monotonic() - began:.1f} s{', ' + seen if seen else ''})", flush=True)
                except Exception as problem:  # each scenario builds on those before it; the first failure is the one to read
                    failed += 1
                    print(f"FAIL  {scenario.__name__}: {type(problem).__name__}: {problem}", flush=True)
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
