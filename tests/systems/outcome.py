"""What came of the README's commands on a system, and the table of it."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

HEADER = ("system", "as", "snapd", "Python", "passed", "failed", "skipped")
_FENCE = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)


class Commands(NamedTuple):
    """The README's two commands: the one that opens the demo, and the one that runs the tests."""

    demo: str
    tests: str


class Counts(NamedTuple):
    """How many tests passed, failed and were skipped, and the names of those that failed."""

    passed: int
    failed: int
    skipped: int
    failures: tuple[str, ...] = ()


class Outcome(NamedTuple):
    """Both commands on one system as one user; `counts` is None where the tests did not begin."""

    system: str
    account: str
    snapd: str
    python: str
    demo: int
    tests: int
    counts: Counts | None

    @property
    def is_good(self) -> bool:
        """Whether both commands ended well."""
        return self.demo == self.tests == 0


def commands_in(readme: str) -> Commands:
    """The commands that stand in a README between fences, the tests' after their mark."""
    before, _, after = readme.partition("<!-- tests -->")
    demo, tests = _FENCE.search(before), _FENCE.search(after)
    if demo is None or tests is None:
        raise ValueError("the README lacks one of its two commands")
    return Commands(demo[1].strip(), tests[1].strip())


def counts_in(report: Path) -> Counts | None:
    """What pytest's report in JUnit's XML says; None where there is none."""
    if not report.exists():
        return None
    ends: dict[str, set[str]] = {}  # a test that fails and then cannot be cleaned up is there twice
    for case in ElementTree.parse(report).iter("testcase"):
        ends.setdefault(f"{case.get('classname')}::{case.get('name')}", set()).update(end.tag for end in case)
    failed = sorted(name for name, tags in ends.items() if tags & {"failure", "error"})
    skipped = sum("skipped" in tags for name, tags in ends.items() if name not in failed)
    return Counts(len(ends) - len(failed) - skipped, len(failed), skipped, tuple(failed))


def table(outcomes: Sequence[Outcome]) -> str:
    """The outcomes as a table in Markdown; `-` where there is no number."""
    rows = [HEADER, ("---",) * len(HEADER), *map(_row, outcomes)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(outcome: Outcome) -> tuple[str, ...]:
    counts = tuple(map(str, outcome.counts[:3])) if outcome.counts else ("-",) * 3
    return (outcome.system, outcome.account, outcome.snapd, outcome.python, *counts)
