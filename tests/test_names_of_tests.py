"""The names of tests: the thing comes first that a test is about, so that each can be read by itself."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
LEANING = re.compile(
    "test_(it|its|they|them|their|he|she|so|then|unless|otherwise|but|and|or|that|those|this|these"
    "|what|whatever|nothing_of_(it|that|them))(_|$)"
)


def names_in(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name


@pytest.mark.parametrize(
    "name",
    ["test_it_is_kept", "test_so_does_a_folder", "test_unless_accepted", "test_what_is_read", "test_and"],
)
def test_names_that_lean_on_another_test_are_found(name: str) -> None:
    assert LEANING.match(name)


@pytest.mark.parametrize("name", ["test_items_are_kept", "test_sorted_rows", "test_nothing_stays_open"])
def test_names_with_a_subject_pass(name: str) -> None:
    assert not LEANING.match(name)


def test_every_name_begins_with_its_subject() -> None:
    leaning = [
        f"{file.relative_to(TESTS)}: {name}"
        for file in sorted(TESTS.rglob("test_*.py"))
        for name in names_in(file)
        if LEANING.match(name)
    ]
    assert leaning == []
