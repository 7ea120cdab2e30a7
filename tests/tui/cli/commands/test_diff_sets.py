"""`diff` of whole sets as a user types it."""

from pathlib import Path

import pytest

from tests.support.comparing import make_world
from tests.tui.support.driver import Snapstow


@pytest.fixture
def snapstow(tmp_path: Path) -> Snapstow:
    world = make_world(tmp_path)
    world.add(1, "old", {"x1": {"f": "1"}})
    world.add(2, "new", {"x1": {"f": "1"}})
    return Snapstow(world)


def rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in text.splitlines()]


def test_all_snaps_of_two_sets_are_compared(snapstow: Snapstow) -> None:
    done = snapstow("diff", "1", "2")
    assert (done.code, done.err) == (0, "")
    assert rows(done.out) == [
        ["Snap", "Files", "Bytes", "Configuration"],
        ["hello", "1 added, 3 removed, 1 changed", "+5 B -6 B", "1 key"],
        ["new", "only in #2", "-", "-"],
        ["old", "only in #1", "-", "-"],
    ]


def test_differences_are_exit_code_1_on_request(snapstow: Snapstow) -> None:
    assert snapstow("diff", "1", "2", "--exit-code").code == 1
    done = snapstow("diff", "1", "1", "--exit-code")
    assert (done.code, rows(done.out)[1]) == (0, ["hello", "no differences", "-", "-"])


def test_a_set_is_compared_with_what_is_in_place(snapstow: Snapstow) -> None:
    done = snapstow("diff", "2", "live")
    assert rows(done.out)[2] == ["new", "only in #2", "-", "-"]
    assert rows(snapstow("diff", "live", "2").out)[2] == ["new", "only in #2", "-", "-"]


def test_a_file_is_compared_with_a_set(snapstow: Snapstow, tmp_path: Path) -> None:
    file = str(tmp_path / "two")
    assert snapstow("export-snapshot", "2", file).code == 0
    assert "no differences" in rows(snapstow("diff", file, "2").out)[1]


def test_summaries_for_programs(snapstow: Snapstow) -> None:
    hello, new, _old = snapstow("--json", "diff", "1", "2").lines
    assert (hello["snap"], hello["presence"], hello["added"], hello["removed"]) == ("hello", "both", 1, 3)
    assert (new["presence"], new["added"]) == ("after", 0)


def test_broken_snapshots_are_told_in_their_row(snapstow: Snapstow) -> None:
    snapstow.world.add(2, "old", {"x1": {"f": "1"}})
    (snapstow.world.snapshots / "1_old_1.0_x1.zip").write_bytes(b"none")
    done = snapstow("diff", "1", "2")
    assert done.code == 3
    assert 'cannot compare "old" of #1' in done.out


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("1", "9"), 1, "there is no set #9"),
        (("live", "live"), 2, "nothing to compare"),
        (("1", "no"), 1, "no"),
    ],
)
def test_impossible_sides_are_refused(
    snapstow: Snapstow, arguments: tuple[str, ...], code: int, text: str
) -> None:
    done = snapstow("diff", *arguments)
    assert (done.code, text in done.err) == (code, True), done.err
