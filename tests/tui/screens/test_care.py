"""What needs attention, and what is done about it, told as stories over the demo's world."""

import asyncio
import os
import time
from collections.abc import Callable, Hashable
from pathlib import Path

import pytest

from backend import Check, Finding, Forget, Progress, Restore, open_engine
from backend.engine.perform import perform_recorded
from backend.jobs import JobState
from tests.support.builders import World
from tests.tui.support.inventory_world import make_model, make_root
from tests.tui.support.user import User, story
from tui.screens.care import CareScreen
from tui.screens.inventory.screen import InventoryScreen
from tui.screens.jobs.screen import JobsScreen
from tui.session.place import Place
from tui.views.care_rows import FindingKey, JobKey, OfferKey, Section
from tui.views.set_keys import SetKey, SnapKey

model = pytest.fixture(scope="module")(make_model)
root = pytest.fixture(make_root)


def age_marker(root: str) -> str:
    """Let the import that the demo left half done be an old one, which can be repaired."""
    (marker,) = Path(root).glob("var/lib/snapd/snapshots/*_importing")
    past = time.time() - 10 * 3600
    os.utime(marker, (past, past))
    return str(marker)


async def stands_in(user: User, section: Section, once: str) -> None:
    """Open the list once something is seen, and put the cursor on the first row of a section."""
    await user.sees(once)
    await user.presses("exclamation_mark")
    user.table.select(section)
    await user.presses("down")


async def goes(user: User, is_there: Callable[[], bool]) -> None:
    """Let time pass until something is not there any more."""
    for _ in range(300):
        if not is_there():
            return
        await asyncio.sleep(0.05)
        await user.lets_time_pass()
    raise AssertionError(user.screen())


def test_needs_are_listed_in_sections(root: str) -> None:
    engine = open_engine(root)
    perform_recorded(Restore(1), engine, lambda _job: lambda _event: None)

    async def tell(user: User) -> None:
        await user.sees("doctor")
        await user.presses("exclamation_mark")
        for text in (
            "Failed and damaged  2",
            "Old and never verified  10",
            "Found by doctor",
            "Undo data  1",
        ):
            assert text in user.screen()

    story(root, tell)


def test_enter_on_a_damaged_snapshot_goes_to_its_set(root: str) -> None:
    async def tell(user: User) -> None:
        await stands_in(user, Section.FAILED, "2 damaged")
        await user.sees("missing archive member")
        await user.presses("down", "enter")
        assert isinstance(user.app.screen, InventoryScreen)
        assert user.table.cursor_key == SetKey(8)

    story(root, tell)


def test_c_checks_what_was_never_verified(root: str) -> None:
    async def tell(user: User) -> None:
        await stands_in(user, Section.OLD, "#9")
        assert isinstance(user.table.cursor_key, SnapKey)
        await user.presses("c")
        await user.sees("Check 1 snapshot")

    story(root, tell)


def test_enter_on_an_interrupted_job_goes_to_it(root: str) -> None:
    perform_recorded(Check(7), open_engine(root), lambda _job: lambda _event: None)

    async def tell(user: User) -> None:
        await user.sees("#9")
        await user.presses("exclamation_mark")
        user.table.select(JobKey("1"))
        await user.presses("enter")
        assert isinstance(user.app.screen, JobsScreen)
        assert user.table.cursor_key == "1"

    story(root, tell)


def test_enter_on_undo_data_goes_to_the_job_that_holds_them(root: str) -> None:
    engine = open_engine(root)
    perform_recorded(Restore(1), engine, lambda _job: lambda _event: None)
    (offer,) = engine.undo_offers()

    async def tell(user: User) -> None:
        await stands_in(user, Section.UNDO, "undo 1")
        key: Hashable = user.table.cursor_key
        assert key == OfferKey(offer.job)
        assert "holds" in user.screen()
        await user.presses("enter")
        assert isinstance(user.app.screen, JobsScreen)
        assert user.table.cursor_key == str(offer.job)

    story(root, tell)


def test_findings_are_repaired_as_a_job_after_one_question(root: str) -> None:
    marker = age_marker(root)

    async def tell(user: User) -> None:
        await stands_in(user, Section.DOCTOR, "doctor ")
        assert isinstance(user.table.cursor_key, FindingKey)
        await user.presses("enter")
        await user.sees("remove the marker and the files of its set.")
        assert os.path.exists(marker)
        await user.presses(*"yes", "enter")
        await goes(user, lambda: os.path.exists(marker))
        await goes(user, lambda: "10_importing" in user.screen())
        assert isinstance(user.app.screen, CareScreen)

    story(root, tell)
    record = open_engine(root).journal.records()[-1]
    assert (record.verb, record.state) == ("repair", JobState.DONE)


def test_findings_without_a_remedy_say_so(root: str) -> None:
    async def tell(user: User) -> None:
        await stands_in(user, Section.DOCTOR, "doctor ")
        await user.presses("enter")
        await user.sees("left alone")

    (marker,) = Path(root).glob("var/lib/snapd/snapshots/*_importing")
    os.utime(marker)
    story(root, tell)


def test_a_section_closes_and_opens(root: str) -> None:
    async def tell(user: User) -> None:
        await user.sees("#9")
        await user.presses("exclamation_mark", "enter")
        assert "▸ Failed and damaged  2" in user.screen()
        assert "#9 nextcloud" not in user.screen()
        await user.presses("l")
        assert "#9 nextcloud" in user.screen()

    story(root, tell)


def test_a_count_in_the_header_opens_its_section(root: str) -> None:
    async def tell(user: User) -> None:
        await user.sees("2 damaged")
        line = user.screen().splitlines()[0]
        await user.pilot.click(offset=(line.index("2 damaged") + 3, 0))
        await user.waits()
        assert isinstance(user.app.screen, CareScreen)
        assert user.table.cursor_key is Section.FAILED

    story(root, tell)


def test_the_palette_lists_what_needs_attention(root: str) -> None:
    async def tell(user: User) -> None:
        await user.sees("#9")
        await user.presses("colon", *"failed and dam", "enter")
        await user.waits()
        assert isinstance(user.app.screen, CareScreen)

    story(root, tell)


def test_sections_without_anything_are_left_out(root: str) -> None:
    engine = open_engine(root)
    for group in engine.sets():
        engine.forget((Forget(group.set_id),), Progress())

    async def tell(user: User) -> None:
        await user.presses("J", "escape", "exclamation_mark")
        for section in (Section.FAILED, Section.OLD, Section.UNDO):
            assert section.value not in user.screen()

    story(root, tell)


def test_the_doctor_looks_once_and_again_when_asked(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, looks, real = open_engine(root), [], Place.findings

    def counted(place: Place) -> list[Finding]:
        looks.append(place)
        return real(place)

    monkeypatch.setattr(Place, "findings", counted)

    async def tell(user: User) -> None:
        await user.sees("doctor")
        perform_recorded(Check(3), engine, lambda _job: lambda _event: None)
        await user.lets_time_pass()
        await user.sees("✓ verified")
        assert len(looks) == 1
        await user.presses("f5")
        assert len(looks) == 2

    story(root, tell)


def test_sets_without_room_in_the_list_are_shown_in_the_inventory_worst_first(tmp_path: Path) -> None:
    world = World(tmp_path / "root")
    for number in range(1, 204):
        world.add(number, "hello", broken="damaged" if number == 7 else "")
    world.write_state()

    async def tell(user: User) -> None:
        await user.sees("#203")
        await user.presses("exclamation_mark", "end")
        await user.sees("2 more: Enter lists all, worst first")
        await user.presses("enter")
        await user.sees("203 sets · 22.3 kB · worst first")
        assert user.table.cursor_key == SetKey(7)

    story(str(world.root), tell)


def test_c_on_a_heading_asks_for_more_than_a_set(root: str) -> None:
    async def tell(user: User) -> None:
        await user.sees("doctor")
        await user.presses("exclamation_mark")
        user.table.select(Section.OLD)
        await user.presses("c")
        await user.sees("not verified for 30 days")

    story(root, tell)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_the_list_stands_right_below_its_header(root: str, size: tuple[int, int]) -> None:
    async def tell(user: User) -> None:
        await user.sees("#9")
        await user.presses("exclamation_mark")
        await user.sees("Failed and damaged  2")
        lines = user.screen().splitlines()
        assert lines[0].startswith(" snapstow   What needs attention")
        assert "rows" in (lines[1] if size[1] < 30 else lines[-3])
        assert "WHAT" in lines[2]

    story(root, tell, size)
