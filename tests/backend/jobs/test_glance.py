"""A look at a journal tells whether guards may be named in it, and reads little for that."""

from pathlib import Path

import pytest

from backend.jobs.glance import may_name_guards
from tests.support.builders import Link, Tree, plant


@pytest.mark.parametrize(
    ("jobs", "answer"),
    [
        ({}, False),
        ({"1": {"operation.json": '{"guard": 3}'}}, False),
        ({"1": {"steps.jsonl": '{"moves": []}'}, "2": {"steps.jsonl": '{"guard": [3, ["a"], 9]}'}}, True),
        ({"1": {"steps.jsonl": {}}, "2": {"steps.jsonl": Link("/etc/passwd")}, "3": "a file"}, False),
    ],
)
def test_only_steps_that_name_a_guard_count(tmp_path: Path, jobs: Tree, answer: bool) -> None:
    plant(tmp_path, {"jobs": jobs})
    assert may_name_guards(str(tmp_path)) is answer


def test_without_a_journal_none_is_named(tmp_path: Path) -> None:
    assert not may_name_guards(str(tmp_path / "nothing"))
