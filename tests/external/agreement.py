"""`mlinfra lint` held against cfn-lint: templates that are fine, and hundreds that have one mistake each.

    python tests/external/agreement.py                  the comparison, as CI runs it
    python tests/external/agreement.py --per-kind 40    more mutants of every kind (5 is what CI takes: 2 to 20 each)
    python tests/external/agreement.py --kind NAME      one kind only, every finding shown
    python tests/external/agreement.py --keep FOLDER    leave the templates there
    python tests/external/agreement.py --cache FILE     cfn-lint's findings are kept there, for those who change mlinfra
    python tests/external/agreement.py --time           wall time of both on the rendered templates of prod

They agree on a template if both find an error in it or both find none. It fails if they agree on fewer than 95 of 100, if
mlinfra finds an error in a template that is fine, or if a disagreement is not explained in agreement/explained.toml.
"""

import argparse
import collections
import functools
import json
import logging
import multiprocessing
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = pathlib.Path(__file__).with_name("agreement")
sys.path.insert(0, str(FOLDER))
# cfn-lint tells about its own work through the log.
logging.disable(logging.CRITICAL)

import documents  # noqa: E402
import kinds  # noqa: E402
import mutate_functions  # noqa: E402,F401
import mutate_policies  # noqa: E402,F401
import mutate_properties  # noqa: E402,F401
import mutate_services  # noqa: E402,F401
import mutate_template  # noqa: E402,F401
import mutate_texts  # noqa: E402
from cfnlint.config import ConfigMixIn  # noqa: E402
from cfnlint.core import get_rules  # noqa: E402
from cfnlint.decode.decode import decode_str  # noqa: E402
from cfnlint.runner import run_template_by_data  # noqa: E402

ENVIRONMENTS = ("dev", "test", "prod")
WANTED = 0.95
SEED = "agreement"

Case = collections.namedtuple("Case", "kind name text suffix fine")
Finding = collections.namedtuple("Finding", "code line owner message")


def cases(per_kind, only):
    """The templates to compare: those that are fine, and for each kind so many mutants of them."""
    bases = [(path.stem, path.suffix, path.read_text(), documents.read(path)) for path in sorted(documents.TEMPLATES.iterdir())]
    rendered = [(name, ".json", text, json.loads(text)) for name, text in render()]
    if not only:
        for name, suffix, text, _ in bases:
            yield Case("as-written", name, text, suffix, True)
        for name, suffix, text, _ in rendered:
            yield Case("rendered", name, text, suffix, True)
    for kind, mutate in {**kinds.BAD, **kinds.GOOD}.items():
        if only and kind not in only:
            continue
        of_text = mutate.__module__ == mutate_texts.__name__
        mutants, seen = [], set()
        # Those of one template are mixed first, so that every template has its turn.
        rounds = []
        for name, suffix, text, data in bases + rendered:
            generator = random.Random(f"{SEED} {kind} {name}")
            if of_text:
                own = [(f"{name} {place}", mutant, suffix, text) for place, mutant in mutate(text)]
            else:
                own = [(f"{name} {place}", mutant, suffix, data) for place, mutant in mutate(data)]
            generator.shuffle(own)
            rounds.append(own)
        random.Random(f"{SEED} {kind}").shuffle(rounds)
        # The more places there are for a mistake, the more often it is made; what is the same in every template counts less.
        # A syntax error is the same wherever it stands.
        wanted = max(2, min((1 if of_text else 4) * per_kind, sum(map(len, rounds)) * per_kind // 100))
        depth = 0
        while len(mutants) < wanted and any(len(own) > depth for own in rounds):
            for own in rounds:
                if len(own) > depth and len(mutants) < wanted:
                    name, mutant, suffix, original = own[depth]
                    made = mutant if of_text else mutant.made()
                    text = made if of_text else documents.write(made, suffix)
                    if made != original and text not in seen:
                        seen.add(text)
                        mutants.append(Case(kind, name, text, suffix, kind in kinds.GOOD))
            depth += 1
        if not mutants:
            raise SystemExit(f"the kind `{kind}` fits no template")
        yield from mutants


@functools.cache
def render():
    """(environment and stack, template) of everything that the example environments render."""
    stacks = []
    for environment in ENVIRONMENTS:
        done = subprocess.run([mlinfra(), "-C", str(ROOT), "render", environment, "--format", "json"],
                              check=True, capture_output=True, text=True)
        stacks += [(f"{environment}-{stack}", json.dumps(template, indent=2) + "\n") for stack, template in json.loads(done.stdout).items()]
    return stacks


def mlinfra():
    return os.environ["MLINFRA_BINARY"]


# cfn-lint's side.

@functools.cache
def rules():
    return ConfigMixIn([], regions=["us-east-1"]), get_rules([], [], [], {}, False)


def cfn_lint(text):
    """The errors that cfn-lint finds."""
    config, collection = rules()
    try:
        template, errors = decode_str(text)
        found = errors or list(run_template_by_data(template, config, collection))
    except Exception as problem:  # what makes cfn-lint stumble is refused as well
        return [Finding("E0002", 1, None, f"{type(problem).__name__}: {problem}")]
    return [Finding(match.rule.id, match.linenumber, ".".join(map(str, (getattr(match, "path", None) or [])[:2])), match.message)
            for match in found if match.rule.id.startswith("E")]


def cfn_lint_all(texts, cache):
    """The errors of each text, by all processors; those of texts that are in the file `cache` are taken from there."""
    known = {text: [Finding(*finding) for finding in found] for text, found in json.loads(pathlib.Path(cache).read_text()).items()} \
        if cache and os.path.exists(cache) else {}
    new = [text for text in texts if text not in known]
    with multiprocessing.get_context("fork").Pool(len(os.sched_getaffinity(0))) as pool:
        known.update(zip(new, pool.map(cfn_lint, new, chunksize=16)))
    if cache:
        pathlib.Path(cache).write_text(json.dumps(known))
    return [known[text] for text in texts]


# mlinfra's side.

def mlinfra_lint(paths):
    """The errors that `mlinfra lint` finds, by file, from one call."""
    done = subprocess.run([mlinfra(), "lint", "--no-policy", "--format", "json", "--", *(path.name for path in paths)],
                          cwd=paths[0].parent, capture_output=True, text=True)
    if done.returncode not in (0, 1) or not done.stdout:
        raise SystemExit(f"mlinfra lint: exit {done.returncode}\n{done.stderr}")
    found = {path.name: [] for path in paths}
    for problem in json.loads(done.stdout)["problems"]:
        if problem["severity"] == "error":
            found[problem["at"]["file"]].append(Finding(problem["code"], problem["at"]["line"], None, problem["message"]))
    return found


# The comparison.

def owner(text, line):
    """`Resources.Name` of what stands in the line, roughly: by the last entry of a section that begins before it."""
    section = entry = None
    quoted = text.lstrip().startswith("{")
    for number, content in enumerate(text.splitlines(), 1):
        stripped = content.lstrip()
        depth = len(content) - len(stripped)
        first = {0: None, 2: "section", 4: "entry"} if quoted else {0: "section", 2: "entry"}
        if stripped[:1] not in ("", "#", "-", "}", "]", "{"):
            if first.get(depth) == "section":
                section, entry = stripped.split(":")[0].strip("\"'"), None
            elif first.get(depth) == "entry":
                entry = stripped.split(":")[0].strip("\"'")
        if number == line:
            return f"{section}.{entry}" if entry else section
    return None


def same_place(text, ours, theirs):
    """Whether one finding of each is in the same line, or else at the same resource, parameter, output, …"""
    if {finding.line for finding in ours} & {finding.line for finding in theirs}:
        return "line"
    owners = {owner(text, finding.line) for finding in ours}
    return "entry" if owners & ({owner(text, finding.line) for finding in theirs} | {finding.owner for finding in theirs}) else "elsewhere"


def explanations():
    return tomllib.loads((FOLDER / "explained.toml").read_text())["explained"]


def explained(explanation, case, finder, findings):
    """Whether the explanation is about this disagreement."""
    templates = explanation.get("templates")
    return (case.kind in explanation["kinds"] and explanation["finds"] == finder
            and (not templates or case.name.split()[0] in templates)
            and all(any(finding.code.startswith(code) for code in explanation["codes"]) for finding in findings))


def compare(arguments):
    began = time.monotonic()
    listed = list(cases(arguments.per_kind, arguments.kind))
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(arguments.keep or folder)
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for number, case in enumerate(listed):
            path = folder / f"{number:04}-{case.kind}{case.suffix}"
            path.write_text(case.text, newline="")
            paths.append(path)
        theirs = cfn_lint_all([case.text for case in listed], arguments.cache)
        half = time.monotonic()
        ours = mlinfra_lint(paths)
    print(f"{len(listed)} templates; cfn-lint {half - began:.1f} s, mlinfra {time.monotonic() - half:.1f} s")
    return report(listed, [(ours[path.name], found) for path, found in zip(paths, theirs)], arguments)


def report(listed, findings, arguments):
    known = explanations()
    counted = collections.Counter()
    by_kind = collections.defaultdict(lambda: collections.defaultdict(list))
    unexplained = false_alarms = 0
    used = set()
    for case, (ours, theirs) in zip(listed, findings):
        counted["fine" if case.fine else "broken"] += 1
        if arguments.kind:
            print(f"\n{case.name}")
            for who, found in (("mlinfra ", ours), ("cfn-lint", theirs)):
                for finding in found:
                    print(f"  {who} {finding.code} line {finding.line}: {finding.message[:200]}")
        if bool(ours) == bool(theirs):
            counted["agree"] += 1
            counted["both find" if ours else "neither finds"] += 1
            if ours:
                counted[f"same {same_place(case.text, ours, theirs)}"] += 1
            continue
        finder, found = ("mlinfra", ours) if ours else ("cfn-lint", theirs)
        which = [number for number, explanation in enumerate(known) if explained(explanation, case, finder, found)]
        used.update(which)
        alarm = finder == "mlinfra" and (case.fine or not any(known[number]["right"] == "mlinfra" for number in which))
        false_alarms += alarm
        unexplained += not which
        mark = "FALSE ALARM" if alarm else "explained" if which else "NOT EXPLAINED"
        by_kind[case.kind][finder, mark].append((case, found))
    agree = counted["agree"] / len(listed)
    for kind, groups in sorted(by_kind.items()):
        for (finder, mark), group in groups.items():
            print(f"{mark}: {kind}: only {finder} finds an error, {len(group)} of {sum(case.kind == kind for case in listed)}")
            for case, found in group if mark != "explained" or arguments.kind else []:
                print(f"    {case.name}: {found[0].code} line {found[0].line}: {found[0].message[:160]}")
    for number, explanation in enumerate(known):
        if number not in used and not arguments.kind and arguments.per_kind > 2 * PER_KIND:
            print(f"an explanation without a disagreement: {explanation['kinds']} {explanation['codes']}")
    print(f"agreement: {counted['agree']} of {len(listed)} templates, {100 * agree:.1f} %: both find an error in {counted['both find']}, "
          f"neither in {counted['neither finds']}")
    print(f"where both find one: in the same line {counted['same line']}, at the same entry {counted['same entry']}, "
          f"elsewhere {counted['same elsewhere']}")
    print(f"{counted['fine']} templates are fine, {counted['broken']} have one mistake, of {len(kinds.BAD)} kinds")
    print(f"agreement: {false_alarms} false alarms, {unexplained} disagreements not explained")
    return agree >= WANTED and not false_alarms and not unexplained


# Wall time.

def timed(command, times, accepted=(0,)):
    best = None
    for _ in range(times):
        began = time.monotonic()
        done = subprocess.run(command, capture_output=True)
        took = time.monotonic() - began
        if done.returncode not in accepted:
            raise SystemExit(f"{command}: exit {done.returncode}\n{done.stderr.decode()}")
        best = took if best is None else min(best, took)
    return best


def measure():
    """The best of several runs, each one a process: `validate prod`, which reads, renders and checks, and cfn-lint on what it renders."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, text in render():
            if name.startswith("prod-"):
                path = pathlib.Path(folder) / f"{name}.json"
                path.write_text(text)
                paths.append(str(path))
        ours = timed([mlinfra(), "-C", str(ROOT), "validate", "prod"], 20)
        # 4, 8 and 12: warnings and remarks.
        theirs = timed([str(pathlib.Path(sys.executable).parent / "cfn-lint"), "--regions", "us-east-1", "--", *paths], 3, (0, 4, 8, 12))
    print(f"{len(paths)} templates of prod: mlinfra validate {1000 * ours:.1f} ms, cfn-lint {1000 * theirs:.0f} ms, {theirs / ours:.0f} times")


PER_KIND = 5


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--per-kind", type=int, default=PER_KIND)
    parser.add_argument("--kind", action="append")
    parser.add_argument("--keep")
    parser.add_argument("--cache")
    parser.add_argument("--time", action="store_true")
    arguments = parser.parse_args()
    if arguments.time:
        measure()
        return 0
    return 0 if compare(arguments) else 1


if __name__ == "__main__":
    sys.exit(main())
