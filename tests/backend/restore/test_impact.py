"""A closer look: what would be lost, and what archives hold."""

import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.archive.gzip.blocks import Level, compress
from backend.archive.tar.vetting import Contents, contents
from backend.errors import Cancelled, IntegrityError, SnapshotError
from backend.model import Revision
from backend.operations import Restore, Save
from backend.progress import Advanced, Event, Progress, Started
from backend.restore.impact import ImpactScanner
from backend.restore.plan import RestorePlan, Verdict
from tests.support import rawtar
from tests.support.builders import FIFO, Link, World, plant, tgz
from tests.support.fakes import stops

X1 = Revision(-1)
PLAIN = rawtar.directory(b"common") + rawtar.member(b"common/a", b"12345") + rawtar.END


def node(name: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.devmajor, member.devminor = tarfile.CHRTYPE, 1, 3
    return member


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("hello")
    plant(world.data("hello"), {"x1": {"a": "12345"}, "common": {}})
    return world


def plan(world: World, *, look: bool = True, progress: Progress | None = None, **wanted: bool) -> RestorePlan:
    (only,) = world.engine.plan(Restore(1, **wanted), look=look, progress=progress)  # type: ignore[arg-type] # devices
    return only


# -- counting


def test_files_are_everything_but_directories() -> None:
    stream = (
        PLAIN[: -len(rawtar.END)]
        + rawtar.link(b"common/l", b"a")
        + rawtar.hard_link(b"common/h", b"common/a")
    )
    assert contents([stream + rawtar.END], X1, Progress()) == Contents(3, 5, longest="common")


@given(st.lists(st.integers(1, 4000), min_size=1))
def test_however_the_stream_comes_in_pieces(cuts: list[int]) -> None:
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(PLAIN[at : at + cut])
        at += cut
    assert contents([*pieces, PLAIN[at:]], X1, Progress()) == Contents(1, 5, longest="common")


@pytest.mark.slow
@given(st.integers(0, len(PLAIN) - 1), st.integers(1, 255))
def test_any_damaged_byte_is_counted_or_refused(at: int, mask: int) -> None:
    damaged = bytearray(PLAIN)
    damaged[at] ^= mask
    try:
        counts = contents([bytes(damaged)], X1, Progress())
    except IntegrityError:
        return
    assert counts.files <= 2


def test_the_first_device_nodes_are_named_and_all_are_counted(world: World) -> None:
    world.add(
        1, "hello", tgz({"common": {"f": "1", "pipe": FIFO}}, extra=[node(f"common/{n}") for n in range(30)])
    )
    looked = plan(world)
    held = looked.entries[0].contents
    assert held is not None
    assert (held.files, held.bytes, held.devices_met, len(held.devices)) == (2, 1, 30, 20)
    assert held.devices[0] == "common/0"


# -- what a plan makes of it


def test_device_nodes_are_a_loss_unless_they_come_back(world: World) -> None:
    world.add(1, "hello", tgz({"common": {}}, extra=[node("common/null")]), time="2999-01-01T00:00:00Z")
    assert plan(world, look=False).verdict is Verdict.READY
    assert (plan(world).verdict, plan(world).devices_left_out) == (Verdict.WITH_LOSS, 1)
    assert (plan(world, devices=True).verdict, plan(world, devices=True).devices_left_out) == (
        Verdict.READY,
        0,
    )


def test_an_archive_that_cannot_be_unpacked_blocks(world: World) -> None:
    world.add(1, "hello", {"common": {}}, users={"alice": tgz({}, extra=[tarfile.TarInfo("../evil")])})
    looked = plan(world)
    assert looked.verdict is Verdict.BLOCKED
    assert looked.entries[1].is_damaged
    assert 'snapshot entry "user/alice.tgz": cannot unpack archive: member "../evil"' in looked.reasons[0]


def test_plan_is_blocked_by_an_archive_that_is_no_gzip(world: World) -> None:
    world.add(1, "hello", b"no gzip at all")
    assert plan(world).reasons == ['snapshot entry "archive.tgz": not in gzip format']


def test_our_own_archives_and_others_count_the_same(world: World) -> None:
    plant(world.data("hello"), {"common": {"deep": {"b": "67", "l": Link("b")}}})
    world.do(Save())
    held = plan(world).entries[0].contents
    assert held == Contents(3, 7, longest="common")


def test_skipped_entries_are_not_scanned(world: World) -> None:
    world.add(1, "hello", {"common": {}}, users={"ghost": {"common": {"f": "1"}}})
    assert [entry.contents for entry in plan(world).entries] == [Contents(0, 0, longest="common"), None]


def test_the_counts_are_told_as_a_step(world: World) -> None:
    world.add(1, "hello", {"common": {"f": "1" * 5000}})
    events: list[Event] = []
    plan(world, progress=Progress(events.append))
    (step,) = [
        event for event in events if isinstance(event, Started) and event.title == "Counting what it holds"
    ]
    assert events[-1] == Advanced(step.total or 0)


def test_plan_can_be_cancelled_at_any_time(world: World) -> None:
    world.add(1, "hello", {"common": {"f": "1"}}, users={"alice": {"common": {"f": "1"}}})
    assert len(list(stops(lambda job: world.engine.plan(Restore(1), progress=job)))) > 4


def test_scanned_impact_is_remembered(world: World) -> None:
    path = world.add(1, "hello", {"common": {"f": "1"}})
    looker, bare = ImpactScanner(world.engine.layout), plan(world, look=False)
    looked = looker.with_contents(looker.with_losses(bare, Progress()), Progress())
    (world.data("hello") / "x1/a").unlink()
    path.unlink()
    assert looker.with_contents(looker.with_losses(bare, Progress()), Progress()) == looked
    with pytest.raises(SnapshotError, match="cannot look into the snapshot"):
        ImpactScanner(world.engine.layout).with_contents(bare, Progress())


def test_a_stop_leaves_nothing_half_known(world: World) -> None:
    world.add(1, "hello", {"common": {"f": "1"}})
    looker, bare, stopped = ImpactScanner(world.engine.layout), plan(world, look=False), Progress()
    stopped.stop()
    for look in (looker.with_losses, looker.with_contents):
        with pytest.raises(Cancelled):
            look(bare, stopped)
    assert looker.with_contents(bare, Progress()).entries[0].contents == Contents(1, 1, longest="common")


def test_blocks_are_inflated_in_parallel_and_counted_in_order(world: World) -> None:
    tar = rawtar.directory(b"common") + rawtar.member(b"common/a", bytes(5 << 20)) + rawtar.END
    source, packed = memoryview(tar), bytearray()

    def fill(view: memoryview) -> int:
        nonlocal source
        count = min(len(view), len(source))
        view[:count], source = source[:count], source[count:]
        return count

    compress(fill, packed.extend, Level.FAST)
    world.add(1, "hello", bytes(packed))
    assert plan(world).entries[0].contents == Contents(1, 5 << 20, longest="common")
