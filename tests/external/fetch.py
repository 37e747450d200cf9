"""Modules are fetched from real Git repositories, pinned, and refused once they are not what was pinned."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

MLINFRA = os.environ["MLINFRA_BINARY"]
passed = failed = 0

CONTRACT = """[module]
name    = "queue"
summary = "A queue between producers and workers"

[inputs.timeout_seconds]
type    = "integer"
doc     = "How long a worker has for a message."
default = 30

[outputs.queue_url]
type = "string"
doc  = "The queue's URL."
"""
TEMPLATE = """Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: {{ timeout_seconds }}
      SqsManagedSseEnabled: true
Outputs:
  QueueUrl:
    Value: !Ref Queue
"""
ENVIRONMENT = """[project]
name = "shop"

[environment]
account = "111122223333"
region  = "us-east-1"

[modules.queue]
git    = "{git}"
tag    = "{tag}"
folder = "infra"

[stacks.jobs]
module = "queue"
"""


class Repository:
    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        # What comes without being asked for must not be taken.
        self.write("infra/templates/user-data/link", None)
        self.write("README.md", "modules")

    def git(self, *arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *identity, *arguments], cwd=self.folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def write(self, path, text):
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            file.symlink_to("/etc/passwd")
        else:
            file.write_text(text)

    def release(self, tag, contract=CONTRACT, template=TEMPLATE):
        self.write("infra/modules/queue.toml", contract)
        self.write("infra/templates/cloudformation/queue.yaml", template)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", tag)
        self.git("tag", "--force", tag)
        return self.git("rev-parse", "HEAD")


class Project:
    def __init__(self, folder, repository):
        self.folder = folder
        self.repository = repository
        (folder / "environments").mkdir(parents=True)
        self.use("v1.0.0")

    def use(self, tag, git=None):
        text = ENVIRONMENT.format(git=git or f"file://{self.repository.folder}", tag=tag)
        (self.folder / "environments" / "dev.toml").write_text(text)

    def run(self, *arguments):
        return subprocess.run([MLINFRA, *arguments], cwd=self.folder, capture_output=True, text=True)

    def lock(self):
        return (self.folder / "mlinfra.lock").read_text()


def check(claim, holds, seen):
    global passed, failed
    if holds:
        passed += 1
        return
    failed += 1
    print(f"FAILED: {claim}\n{seen.stdout}{seen.stderr}[exit {seen.returncode}]")


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        repository = Repository(folder / "repository")
        first = repository.release("v1.0.0")
        project = Project(folder / "project", repository)

        seen = project.run("validate")
        check("what was not fetched is asked for", "MLI1402" in seen.stderr and "module fetch" in seen.stderr, seen)
        seen = project.run("module", "fetch", "--locked")
        check("--locked changes nothing", "MLI1406" in seen.stderr and not (project.folder / "mlinfra.lock").exists(), seen)
        seen = project.run("module", "fetch")
        check("a tag is fetched", seen.returncode == 0 and "fetched" in seen.stdout, seen)
        check("its commit is pinned", first in project.lock(), seen)
        check("links of the repository are left out", not list(project.folder.glob(".mlinfra/modules/*/templates/user-data/link")), seen)
        seen = project.run("validate")
        check("it is a module like any other", seen.returncode == 0, seen)
        seen = project.run("module", "fetch", "--locked", "--format", "json")
        document = json.loads(seen.stdout)
        check("a second time nothing is fetched", not document["modules"][0]["fetched"] and not document["lock_changed"], seen)
        seen = project.run("apply", "dev", "--sandbox", "--yes")
        check("it is applied", seen.returncode == 0, seen)

        contract = next(project.folder.glob(".mlinfra/modules/*/modules/queue.toml"))
        text = contract.read_text()
        contract.write_text(text.replace("default = 30", "default = 31"))
        seen = project.run("validate")
        check("a file that was edited is refused", "MLI1403" in seen.stderr and seen.returncode == 1, seen)
        seen = project.run("module", "fetch")
        check("fetching mends it", seen.returncode == 0 and contract.read_text() == text, seen)

        moved = repository.release("v1.0.0", contract=CONTRACT.replace("30", "60"))
        subprocess.run(["rm", "-rf", ".mlinfra/modules"], cwd=project.folder, check=True)
        before = project.lock()
        seen = project.run("module", "fetch")
        check("a tag that was moved is refused", "MLI1403" in seen.stderr and "--update" in seen.stderr, seen)
        check("and nothing is pinned anew", project.lock() == before, seen)
        seen = project.run("module", "fetch", "--update")
        check("--update pins it anew", seen.returncode == 0 and moved in project.lock(), seen)
        seen = project.run("plan", "dev", "--sandbox")
        check("and the change is planned", "VisibilityTimeout" in seen.stdout and "60" in seen.stdout, seen)

        repository.release("v2.0.0", template=TEMPLATE.replace("Outputs:", "Output:"))
        project.use("v2.0.0")
        seen = project.run("validate")
        check("another version has to be fetched", "MLI1402" in seen.stderr, seen)
        seen = project.run("module", "fetch")
        check("the entry of the old version goes", "v1.0.0" not in project.lock() and "v2.0.0" in project.lock(), seen)
        seen = project.run("validate")
        check("mistakes in it point at its files", ".mlinfra/modules/queue-" in seen.stderr, seen)

        project.use("v9.9.9")
        seen = project.run("module", "fetch")
        check("a tag that does not exist is told", "MLI1404" in seen.stderr and "v9.9.9" in seen.stderr, seen)
        project.use("v1.0.0", git=f"file://{folder}/nothing")
        seen = project.run("module", "fetch")
        check("a repository that does not exist is told", "MLI1404" in seen.stderr, seen)
        project.use("--upload-pack=touch x", git=f"file://{repository.folder}")
        seen = project.run("module", "fetch")
        check("a tag that is an option is refused", "MLI0123" in seen.stderr, seen)
        empty = Repository(folder / "empty")
        empty.git("add", "--all")
        empty.git("commit", "--quiet", "--message", "empty")
        empty.git("tag", "v1.0.0")
        project.use("v1.0.0", git=f"file://{empty.folder}")
        seen = project.run("module", "fetch")
        check("a repository without the module is told", "MLI1405" in seen.stderr, seen)
    print(f"fetch: {passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


main()
