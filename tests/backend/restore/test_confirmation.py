"""What was confirmed travels with a restore; its job tells what has changed since, and goes on."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from backend.operations import Restore, operation_from_json, to_json
from backend.progress import Event, Noted, Progress
from backend.restore.planner import RestorePlanner
from tests.support.builders import World, plant, tree_of

SAVED = {"x1": {"a": "then"}, "common": {"b": "then"}}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Set 1 of one snap, saved after all that is there now."""
    world = World(tmp_path / "root")
    world.install("hello", data={"a": "now"}, common={"b": "now"})
    world.add(1, "hello", SAVED, users={"ghost": {"common": {}}})
    return world


def confirmed(world: World, restore: Restore) -> Restore:
    return RestorePlanner(world.engine).preview(restore).confirm(restore)


def notes_of(world: World, restore: Restore) -> list[str]:
    """What the job of a restore notes of changes."""
    events: list[Event] = []
    world.engine.restore(restore, Progress(events.append))
    assert tree_of(world.data("hello")) == SAVED
    notes = [event.text for event in events if isinstance(event, Noted)]
    return [note for note in notes if note.startswith('snap "hello"')]


def make_newer(path: Path) -> None:
    path.write_text("newer")
    os.utime(path, (32503680000, 32503680000))


class TestChangesSinceItWasConfirmed:
    def test_none_where_nothing_has_changed(self, world: World) -> None:
        assert notes_of(world, confirmed(world, Restore(1))) == []

    def test_none_are_looked_for_where_nothing_was_confirmed(self, world: World) -> None:
        make_newer(world.data("hello") / "x1/more")
        assert notes_of(world, Restore(1)) == []

    def test_more_files_are_lost(self, world: World) -> None:
        restore = confirmed(world, Restore(1))
        make_newer(world.data("hello") / "x1/more")
        assert notes_of(world, restore) == ['snap "hello", system: 1 more file is lost than the plan showed']

    def test_a_directory_is_replaced_that_was_not_there(self, world: World) -> None:
        common = world.data("hello") / "common"
        shutil.rmtree(common)
        restore = confirmed(world, Restore(1))
        plant(common, {"new": "1"})
        note, *_ = notes_of(world, restore)
        assert note.endswith(f"{common} is replaced, which was not there when the plan was shown")

    def test_the_data_go_elsewhere(self, world: World) -> None:
        restore = confirmed(world, Restore(1))
        snap, entry, _parent, *rest = json.loads(restore.confirmed[0])
        elsewhere = replace(restore, confirmed=(json.dumps([snap, entry, "/elsewhere", *rest]),))
        (note,) = notes_of(world, elsewhere)
        assert (
            note
            == f'snap "hello", system: the data go into {world.data("hello")}, the plan showed /elsewhere'
        )


def test_skipped_entries_of_a_plan_are_not_confirmed(world: World) -> None:
    assert len(confirmed(world, Restore(1)).confirmed) == 1


def test_a_confirmed_restore_is_the_same_operation_and_survives_the_journal(world: World) -> None:
    restore = confirmed(world, Restore(1))
    assert restore == Restore(1)
    assert operation_from_json(json.loads(json.dumps(to_json(restore)))).confirmed == restore.confirmed  # type: ignore[union-attr] # a Restore


@pytest.mark.parametrize("text", ["", "[]", "{}", "no json", "[1,2]", '["a","b","c",5,"x"]'])
def test_invalid_confirmation_says_nothing(world: World, text: str) -> None:
    make_newer(world.data("hello") / "x1/more")
    assert notes_of(world, Restore(1, confirmed=(text,))) == []
