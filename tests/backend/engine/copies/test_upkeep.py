"""Copies looked after: read back, forgotten, had back, pruned."""

from pathlib import Path

import pytest

from backend.engine import plan_prune, undo_offers
from backend.engine.copies.pruning import plan_copy_pruning
from backend.errors import InvalidInputError, NotFoundError
from backend.operations import CheckCopies, ForgetCopies, Prune, PruneCopies, Pull, Push, Undo
from backend.progress import Progress
from backend.repository.names import MANIFEST, PAYLOAD
from tests.support.builders import World
from tests.support.clocks import FakeClock
from tests.support.offsite import REPO, configure, copies_of, object_file, repository_of

DAY = 24 * 3600


@pytest.fixture(name="folder")
def repository_folder(tmp_path: Path) -> Path:
    return tmp_path / "offsite"


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "root")
    world.install("hello")
    for number in range(1, 5):
        world.add(number, "hello", {"x1": {"f": str(number)}}, time=f"2026-11-2{number}T09:00:00Z")
    world.write_state()
    configure(world)
    world.do(Push(REPO))
    return world


def numbers(world: World) -> list[int]:
    return sorted(copy.name.set_id for copy in copies_of(world))


def flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def going(world: World, operation: PruneCopies) -> list[str]:
    with repository_of(world) as repository:
        plan = plan_copy_pruning(world.engine, operation, repository, Progress())
    return sorted(candidate.id.partition("set")[2][0] for candidate in plan.going)


# -- reading back


def test_a_damaged_copy_is_told_and_remembered_until_it_is_sound_again(world: World, folder: Path) -> None:
    copy = next(copy for copy in copies_of(world) if copy.name.set_id == 2)
    payload = object_file(folder, copy, PAYLOAD)
    flip(payload)
    result = world.do(CheckCopies(REPO))
    assert (len(result.verdicts), len(result.faults), result.exit_code) == (4, 1, 4)
    assert [copy.name.set_id for copy in copies_of(world) if copy.trouble] == [2]
    flip(payload)
    assert world.do(CheckCopies(REPO, ("2",))).exit_code == 0
    assert not any(copy.trouble for copy in copies_of(world))


def test_a_damaged_copy_is_no_copy_for_the_next_push(world: World, folder: Path) -> None:
    copy = next(copy for copy in copies_of(world) if copy.name.set_id == 2)
    flip(object_file(folder, copy, PAYLOAD))
    world.do(CheckCopies(REPO))
    assert len(world.do(Push(REPO, new=True)).copies) == 1
    assert numbers(world) == [1, 2, 2, 3, 4]


def test_a_quick_check_reads_nothing_and_sees_what_is_missing(world: World, folder: Path) -> None:
    copy = next(copy for copy in copies_of(world) if copy.name.set_id == 3)
    object_file(folder, copy, PAYLOAD).unlink()
    result = world.do(CheckCopies(REPO, quick=True))
    assert result.faults == ["its payload is missing"]
    assert all(copy.checked == 0.0 for copy in copies_of(world))


def test_samples_read_in_turn_what_was_not_read_for_longest(world: World) -> None:
    seen: list[str] = []
    for _ in range(4):
        result = world.do(CheckCopies(REPO, sample=20))
        assert len(result.verdicts) == 1
        seen += result.copies
    assert len(set(seen)) == 4
    assert world.do(CheckCopies(REPO, older_than=DAY)).skipped == 4


# -- forgetting


def test_a_forgotten_copy_is_had_back_by_undo(world: World, folder: Path) -> None:
    result = world.do(ForgetCopies(REPO, ("1", "2")))
    assert numbers(world) == [3, 4]
    assert world.do(Undo(result.undo_job)).copies == result.copies
    assert numbers(world) == [1, 2, 3, 4]
    assert world.do(CheckCopies(REPO)).exit_code == 0
    with pytest.raises(NotFoundError, match="cannot be undone"):
        world.do(Undo(result.undo_job))


def test_a_copy_forgotten_at_once_is_gone(world: World, folder: Path) -> None:
    result = world.do(ForgetCopies(REPO, ("1",), now=True))
    assert (result.undo_job, result.freed > 0, numbers(world)) == (0, True, [2, 3, 4])
    with pytest.raises(NotFoundError):
        world.do(Undo(world.engine.journal.records()[-1].id))
    assert len([path for path in folder.rglob("*.tar")]) == 3


def test_no_copy_is_forgotten_where_none_is_named(world: World) -> None:
    assert world.do(ForgetCopies(REPO, ())).copies == ()
    assert numbers(world) == [1, 2, 3, 4]


def test_forgotten_copies_are_among_what_can_be_undone_until_they_are_back(world: World) -> None:
    job = world.do(ForgetCopies(REPO, ("1", "2"))).undo_job
    (offer,) = undo_offers(world.engine, world.engine.journal.records())
    assert (offer.job, offer.verb, len(offer.copies), offer.sets) == (job, "forget-copies", 2, ())
    world.do(Undo(job))
    assert undo_offers(world.engine, world.engine.journal.records()) == []


def test_sets_with_a_verified_copy_elsewhere_are_the_first_to_make_room(world: World) -> None:
    assert [each.id for each in plan_prune(Prune(free=1), world.engine).going] == ["1"]
    world.do(CheckCopies(REPO, ("2",)))
    (decision,) = [each for each in plan_prune(Prune(free=1), world.engine).decisions if not each.kept]
    assert (decision.candidate.id, decision.reasons[0]) == ("2", "1 verified elsewhere")


def test_a_number_in_other_digits_names_no_copy(world: World) -> None:
    with pytest.raises(InvalidInputError, match="names no copy"):
        world.do(ForgetCopies(REPO, ("²",)))


def test_a_copy_that_is_not_there_is_told_before_any_is_forgotten(world: World) -> None:
    with pytest.raises(NotFoundError, match="there is no copy 9 in offsite"):
        world.do(ForgetCopies(REPO, ("1", "9")))
    assert numbers(world) == [1, 2, 3, 4]


def test_a_half_forgotten_copy_can_be_forgotten_again_and_had_back(world: World, folder: Path) -> None:
    """As if it had died between its two steps."""
    copy = next(copy for copy in copies_of(world) if copy.name.set_id == 1)
    manifest = object_file(folder, copy, MANIFEST)
    raw = manifest.read_bytes()
    result = world.do(ForgetCopies(REPO, ("1",)))
    manifest.write_bytes(raw)
    assert numbers(world) == [1, 2, 3, 4]
    world.do(ForgetCopies(REPO, ("1",)))
    world.do(Undo(result.undo_job + 1))
    assert numbers(world) == [1, 2, 3, 4]


# -- pruning


def test_rules_let_copies_go_but_never_the_newest_verified(world: World) -> None:
    world.do(CheckCopies(REPO, ("2",)))
    assert going(world, PruneCopies(repository=REPO, keep_last=1)) == ["1", "3"]
    result = world.do(PruneCopies(repository=REPO, keep_last=1))
    assert (len(result.copies), numbers(world)) == (2, [2, 4])
    world.do(Undo(result.undo_job))
    assert numbers(world) == [1, 2, 3, 4]


def test_copies_of_pinned_sets_stay(world: World) -> None:
    world.engine.pins.pin(world.engine.sets(1)[0], "", 1.0)
    assert going(world, PruneCopies(repository=REPO, keep_last=1)) == ["2", "3"]


def test_only_copies_that_the_plan_showed_go(world: World) -> None:
    (oldest,) = (str(copy.name) for copy in copies_of(world) if copy.name.set_id == 1)
    world.do(PruneCopies(repository=REPO, keep_last=1, confirmed=(oldest,)))
    assert numbers(world) == [2, 3, 4]


def test_copies_of_other_machines_go_only_when_that_is_said(world: World, tmp_path: Path) -> None:
    other = World(tmp_path / "other" / "root")
    other.install("hello")
    configure(other, url=f"file://{tmp_path}/offsite")
    assert going(other, PruneCopies(repository=REPO, keep_last=1)) == []
    assert going(other, PruneCopies(repository=REPO, keep_last=1, all_hosts=True)) == ["1", "2", "3"]


def test_copies_whose_manifests_cannot_be_read_stay(world: World, tmp_path: Path) -> None:
    from tests.support.agekeys import library_key

    configure(world, recipients=[library_key(tmp_path / "key").recipient])
    for number in (5, 6):
        world.add(number, "hello", {"x1": {"f": str(number)}}, time=f"2026-11-2{number}T09:00:00Z")
    world.do(Push(REPO, new=True))
    for kept in (world.root / "var/lib/snapstow/repositories").glob("*"):
        kept.unlink()
    assert going(world, PruneCopies(repository=REPO, keep_last=1)) == ["1", "2", "3"]


def test_payloads_that_belong_to_no_copy_go_after_two_days(world: World, folder: Path) -> None:
    copy = next(copy for copy in copies_of(world) if copy.name.set_id == 4)
    object_file(folder, copy, MANIFEST).unlink()
    forgotten = world.do(ForgetCopies(REPO, ("1",)))
    assert world.do(PruneCopies(repository=REPO, keep_last=9)).freed == 0
    world.clock = FakeClock()
    world.clock.run(3 * DAY)
    assert world.do(PruneCopies(repository=REPO, keep_last=9)).freed > 0
    assert len([*folder.rglob("*.tar")]) == 2
    with pytest.raises(NotFoundError, match="removed for good"):
        world.do(Undo(forgotten.undo_job))
    assert numbers(world) == [2, 3]


def test_a_pull_after_a_forget_here_brings_the_very_set(world: World) -> None:
    for path in world.snapshots.glob("1_*"):
        path.unlink()
    result = world.do(Pull(REPO, "1"))
    assert len(world.engine.sets(result.set_id)) == 1
