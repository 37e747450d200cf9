"""What only a terminal shows: the question before a change, and what becomes of each answer."""

import os
import pathlib
import pty
import select
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
MLINFRA = os.environ["MLINFRA_BINARY"]
PATIENCE = 60
QUESTION = b"Only `yes` applies it:"


def at_a_terminal(folder, arguments, answer):
    """Runs the program on a terminal of its own, types `answer` at the question; gives all that it showed, and its exit code."""
    ours, theirs = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "xterm", "MLINFRA_SANDBOX_TIME_SCALE": "100000"}
    program = subprocess.Popen([MLINFRA, *arguments], cwd=folder, env=environment, stdin=theirs, stdout=theirs,
                               stderr=theirs, start_new_session=True)
    os.close(theirs)
    shown, typed = b"", False
    try:
        while select.select([ours], [], [], PATIENCE)[0]:
            try:
                more = os.read(ours, 65536)
            except OSError:  # the other end is gone
                break
            if not more:
                break
            shown += more
            if not typed and QUESTION in shown:
                os.write(ours, answer.encode())
                typed = True
        code = program.wait(timeout=PATIENCE)
    finally:
        program.kill()
        os.close(ours)
    return shown.decode(errors="replace"), code, typed


def main():
    passed = failed = 0
    for answer, wanted, words in [("no\n", 1, "MLI1007"), ("\n", 1, "MLI1007"), ("yes\n", 0, "3 stacks done")]:
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder) / "project"
            shutil.copytree(ROOT / "tests" / "external" / "project", folder)
            shown, code, typed = at_a_terminal(folder, ["apply", "dev", "--sandbox"], answer)
            if typed and code == wanted and words in shown:
                passed += 1
            else:
                failed += 1
                print(f"answer {answer!r}: exit {code}, asked: {typed}\n{shown}")
    print(f"terminal: {passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


main()
