import gzip
import os
from pathlib import Path

import pytest

from backend.browse.patterns import PathPattern
from backend.browse.search import Hit, Missed, histories, search_files
from backend.errors import Cancelled
from backend.model import Snapshot
from backend.progress import PartAdvanced, Progress
from tests.support import builders, rawtar
from tests.support.builders import World, tgz


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    for number, text in ((1, "old"), (2, "old"), (3, "newer")):
        tree: builders.Tree = {"x1": {"etc": {"app.conf": text}}, "common": {"app.conf": "same", "log": "x"}}
        world.add(
            number,
            "foo",
            tree,
            time=f"2026-11-{number:02}T10:00:00Z",
            users={"alice": {"x1": {"app.conf": "hers"}}},
        )
    world.add(3, "bar", {"x1": {"readme": "1"}})
    return world


def snapshots(world: World) -> list[Snapshot]:
    return [snapshot for group in world.engine.sets() for snapshot in group.snapshots]


def hits_of(world: World, pattern: str, state_dir: str = "", progress: Progress | None = None) -> list[Hit]:
    hits = list(search_files(snapshots(world), PathPattern(pattern), state_dir, progress or Progress()))
    assert not any(isinstance(hit, Missed) for hit in hits)
    return [hit for hit in hits if isinstance(hit, Hit)]


def test_every_snapshot_is_searched(world: World) -> None:
    hits = hits_of(world, "app.conf")
    assert len(hits) == 9
    assert {(hit.snapshot.set_id, hit.user, hit.path) for hit in hits} >= {
        (1, "", b"x1/etc/app.conf"),
        (3, "alice", b"x1/app.conf"),
        (2, "", b"common/app.conf"),
    }


def test_indexed_snapshots_are_searched_first_and_the_rest_only_on_demand(
    world: World, tmp_path: Path
) -> None:
    state_dir = str(tmp_path / "own")
    third = next(snapshot for snapshot in snapshots(world) if (snapshot.set_id, snapshot.snap) == (3, "foo"))
    list(search_files([third], PathPattern("x"), state_dir, Progress()))
    quick = list(
        search_files(snapshots(world), PathPattern("app.conf"), state_dir, Progress(), read_others=False)
    )
    assert {hit.snapshot.set_id for hit in quick if isinstance(hit, Hit)} == {3}
    hits = hits_of(world, "app.conf", state_dir)
    assert [hit.snapshot.set_id for hit in hits[:3]] == [3, 3, 3]
    assert len(hits) == 9


def test_progress_names_what_is_read(world: World) -> None:
    events: list[object] = []
    progress = Progress(events.append)
    with progress.step("Searching"):
        hits_of(world, "nothing", progress=progress)
    parts = {event.part for event in events if isinstance(event, PartAdvanced)}
    assert parts >= {"#1 foo, system", "#1 foo, alice", "#3 bar, system"}


def test_search_can_be_cancelled(world: World) -> None:
    progress = Progress()
    progress.stop()
    with pytest.raises(Cancelled):
        list(search_files(snapshots(world), PathPattern("*"), "", progress))


def test_unreadable_snapshots_are_named_by_a_search(world: World, tmp_path: Path) -> None:
    where = snapshots(world)
    os.unlink(where[0].path)
    path = Path(where[1].path)
    path.write_bytes(path.read_bytes()[:90])
    (tmp_path / "text").write_text("hello")
    hits = list(search_files([*where, str(tmp_path / "text")], PathPattern("app.conf"), "", Progress()))
    missed = [hit for hit in hits if isinstance(hit, Missed)]
    assert {missed[0].file, missed[-1].file} <= {where[0].path, where[1].path, str(tmp_path / "text")}
    assert len({miss.file for miss in missed}) == 3
    assert sum(isinstance(hit, Hit) for hit in hits) == 3


def test_broken_snapshots_are_named_and_not_offered(world: World) -> None:
    where = [snapshot._replace(broken="cut") for snapshot in snapshots(world) if snapshot.set_id == 2]
    hits = list(search_files(where, PathPattern("app.conf"), "", Progress()))
    assert [(hit.entry, hit.reason) for hit in hits if isinstance(hit, Missed)] == [("", "cut")]
    assert len(hits) == 1


def test_files_of_exports_are_searched_as_well(world: World, tmp_path: Path) -> None:
    from backend.operations import Export

    world.do(Export(3, str(tmp_path / "e")))
    hits = list(search_files([str(tmp_path / "e")], PathPattern("app.conf"), "", Progress()))
    assert len(hits) == 3


def test_versions_are_grouped_and_the_newest_comes_first(world: World) -> None:
    groups = histories(hits_of(world, "app.conf"))
    assert sorted((group.snap, group.user, group.path) for group in groups) == [
        ("foo", "", b"common/app.conf"),
        ("foo", "", b"rev/etc/app.conf"),
        ("foo", "alice", b"rev/app.conf"),
    ]
    by_path = {group.path: group.versions for group in groups}
    sets = [[hit.snapshot.set_id for hit in version.hits] for version in by_path[b"rev/etc/app.conf"]]
    assert sets == [[3], [2, 1]]
    assert len(by_path[b"common/app.conf"]) == 1


def test_files_that_were_changed_last_come_first(tmp_path: Path) -> None:
    world = World(tmp_path / "root")
    times = {b"x1/old": b"00000000005", b"x1/new": b"00000000011"}
    members = [rawtar.header(name, at={136: time}) for name, time in times.items()]
    world.add(1, "foo", gzip.compress(b"".join(members) + rawtar.END))
    assert [group.path for group in histories(hits_of(world, "rev/???"))] == [b"rev/new", b"rev/old"]


def test_revisions_are_aligned(tmp_path: Path) -> None:
    world = World(tmp_path / "root")
    world.add(1, "foo", {"x1": {"f": "1"}}, time="2026-11-01T10:00:00Z")
    world.add(2, "foo", {"x2": {"f": "1"}}, rev="x2", time="2026-11-02T10:00:00Z")
    (group,) = histories(hits_of(world, "f"))
    assert group.path == b"rev/f"
    assert len(group.versions) == 1


def test_builders_agree() -> None:
    assert tgz({"x1": {}})
