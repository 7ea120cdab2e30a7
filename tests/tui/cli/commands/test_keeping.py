"""`prune`, `pin`, `unpin`, and what `forget` and `undo` say of the trash."""

from typing import Any

import pytest

from backend.engine import FilesEngine
from tests.tui.support.command_world import make_snapstow, make_world
from tests.tui.support.driver import Snapstow

world = pytest.fixture(make_world)
snapstow = pytest.fixture(make_snapstow)

FULL = "less than a tenth of the file system of the snapshots is free"


@pytest.fixture(autouse=True)
def _world(snapstow: Snapstow) -> None:
    for number in range(1, 5):
        snapstow.world.add(number, "hello", {"x1": {"f": str(number)}}, time=f"2026-11-2{number}T09:00:00Z")
    snapstow.world.add(4, "other", time="2026-11-24T09:00:00Z")


@pytest.fixture(name="nearly_full")
def disk_that_is_nearly_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FilesEngine, "trash_fault", lambda _engine: FULL)


def listed(snapstow: Snapstow) -> list[int]:
    return [group.set_id for group in snapstow.world.engine.sets()]


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.split("\n\n", 1)[0].splitlines()]


class TestForget:
    def test_says_until_when_it_is_kept_and_how_it_comes_back(self, snapstow: Snapstow) -> None:
        done = snapstow("forget", "1")
        assert done.out == "Snapshot #1 forgotten.\n"
        assert done.err.startswith("Its files are kept until 20")
        assert done.err.endswith(f"are free then. To undo:\n  snapstow --root {snapstow.world.root} undo 1\n")
        assert rows(snapstow("undo", "--list").out)[1][:3] == ["1", "forget", "#1"]
        assert snapstow("undo").out == "Undid the last forget: snapshot #1 is back.\n"
        assert listed(snapstow) == [1, 2, 3, 4]

    def test_at_once_keeps_nothing(self, snapstow: Snapstow) -> None:
        done = snapstow("forget", "1", "--now")
        assert done.err.endswith(" are free.\n")
        assert snapstow("undo", "--list").out == "Nothing to undo.\n"
        assert snapstow("forget", "2", "--now", "--undo-window", "2h").code == 2

    @pytest.mark.usefixtures("nearly_full")
    def test_says_beforehand_when_nothing_is_kept(self, snapstow: Snapstow) -> None:
        done = snapstow("forget", "1")
        assert done.err.startswith(f"Note: nothing is kept for an undo: {FULL}.\n")
        assert snapstow("undo", "--list").out == "Nothing to undo.\n"

    @pytest.mark.usefixtures("nearly_full")
    def test_keeps_what_is_asked_for_by_name(self, snapstow: Snapstow) -> None:
        assert "Note:" not in snapstow("forget", "1", "--undo-window", "2h").err
        assert snapstow("undo").code == 0


class TestPin:
    def test_keeps_a_set_from_forget_until_it_is_said_or_removed(self, snapstow: Snapstow) -> None:
        assert snapstow("pin", "2", "--note", "before 31").out == "Snapshot #2 is pinned: before 31.\n"
        done = snapstow("forget", "2")
        assert (done.code, done.out) == (5, "")
        assert "set #2 is pinned (before 31); --pinned forgets it all the same" in done.err
        assert snapstow("forget", "2", "--pinned").code == 0
        snapstow("undo")
        assert snapstow("unpin", "2").out == "Snapshot #2 is not pinned any more.\n"
        assert snapstow("forget", "2").code == 0

    def test_of_what_is_not_there(self, snapstow: Snapstow) -> None:
        for verb in ("pin", "unpin"):
            assert snapstow(verb, "9").err == "error: there is no snapshot set #9\n"
        assert snapstow("unpin", "1").err == "error: snapshot set #1 is not pinned\n"
        assert snapstow("pin").code == 2


class TestPrune:
    def test_plan_tells_what_goes_and_stays_and_changes_nothing(self, snapstow: Snapstow) -> None:
        done = snapstow("prune", "--keep-last", "2", "--plan")
        table = rows(done.out)
        assert [row[:2] for row in table[1:]] == [
            ["goes", "#1"],
            ["goes", "#2"],
            ["stays", "#3"],
            ["stays", "#4"],
        ]
        assert "no rule keeps it, 3 newer sets" in done.out
        assert "last 1 of 2; newest of hello; the only copy of other" in done.out
        assert "2 sets of 4 go: " in done.out
        assert "hello: no verified one is left." in done.out
        assert done.out.endswith(f"To do it: snapstow --root {snapstow.world.root} prune --keep-last=2\n")
        assert listed(snapstow) == [1, 2, 3, 4]

    def test_prints_the_plan_and_does_it_and_one_undo_takes_it_back(self, snapstow: Snapstow) -> None:
        done = snapstow("prune", "--keep-last", "2")
        assert done.out.endswith("Forgot 2 sets: #1, #2.\n")
        assert listed(snapstow) == [3, 4]
        assert snapstow("undo").out == "Undid the last forget: snapshots #1, #2 are back.\n"
        assert listed(snapstow) == [1, 2, 3, 4]

    def test_without_rules_nothing_goes_and_that_is_said(self, snapstow: Snapstow) -> None:
        done = snapstow("prune")
        assert (done.code, listed(snapstow)) == (0, [1, 2, 3, 4])
        assert "there are no rules: nothing is pruned" in done.out
        assert "Nothing goes." in done.out

    def test_rules_come_from_the_configuration(self, snapstow: Snapstow) -> None:
        config = snapstow.world.root / "c.toml"
        config.write_text("[retention]\nkeep_last = 3\n")
        assert snapstow("--config", str(config), "prune").code == 0
        assert listed(snapstow) == [2, 3, 4]

    def test_frees_room_and_says_when_it_falls_short(self, snapstow: Snapstow) -> None:
        done = snapstow("prune", "--free", "1", "--plan")
        assert [row[1] for row in rows(done.out) if row[0] == "goes"] == ["#1"]
        done = snapstow("prune", "--free", "20GB", "--plan")
        assert done.code == 3
        assert "That is 20.0 GB less than wanted: nothing else may go." in done.out
        assert snapstow("prune", "--free", "20GB").code == 3
        assert listed(snapstow) == [4]

    def test_as_a_document(self, snapstow: Snapstow) -> None:
        plan = snapstow("--json", "prune", "--keep-last", "3", "--plan").document
        assert [each["id"] for each in plan["goes"]] == ["1"]
        assert [each["id"] for each in plan["stays"]] == ["2", "3", "4"]
        assert plan["newest-verified"] == {"hello": None}
        assert plan["freed"] == plan["goes"][0]["size"]

    def test_now_frees_at_once(self, snapstow: Snapstow) -> None:
        done = snapstow("prune", "--keep-last", "2", "--now")
        assert "are free at once, and nothing can be undone" in done.out
        assert snapstow("undo", "--list").out == "Nothing to undo.\n"

    @pytest.mark.parametrize(
        "arguments",
        [
            ("--keep-last", "0"),
            ("--keep-daily", "x"),
            ("--free", "20XB"),
            ("--free", "0"),
            ("--free", "0.4"),
            ("--free", ""),
            ("--keep-daily", ""),
            ("--free", "1.2.3"),
            ("--free", "1G", "--keep-last", "1"),
            ("--plan", "--no-wait"),
            ("--now", "--undo-window", "2h"),
        ],
    )
    def test_of_what_cannot_be_meant(self, snapstow: Snapstow, arguments: tuple[str, ...]) -> None:
        assert snapstow("prune", *arguments).code == 2

    def test_of_one_snap_leaves_sets_of_others(self, snapstow: Snapstow) -> None:
        done = snapstow("prune", "other", "--keep-last", "1")
        assert listed(snapstow) == [1, 2, 3, 4]
        assert "hello is not named" in done.out


SIZES: list[tuple[str, int]] = [
    ("20GB", 20 * 10**9),
    ("1.5g", 1_500_000_000),
    ("7", 7),
    ("3 TB", 3 * 10**12),
    ("3 apples", 0),
    ("2kB", 2000),
]


@pytest.mark.parametrize(("text", "size"), SIZES)
def test_sizes_are_read_by_thousands(snapstow: Snapstow, text: str, size: int) -> None:
    done: Any = snapstow("--json", "prune", "--plan", "--free", text)
    if size:
        assert done.document["missing"] == max(0, size - done.document["freed"])
    else:
        assert done.code == 2
