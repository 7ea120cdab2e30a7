"""The demo from its first screen to its last: a set saved, checked, restored, exported, forgotten, imported.

Every screen on the way is looked at: nothing cut off, no panel without a word, all that a dialog must show.
"""

import hashlib
import os
import re
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from textual.geometry import Region
from textual.widgets import OptionList, Static

from backend.demo import demo_root
from backend.engine.files import FilesEngine
from backend.engine.select import files_engine
from backend.store import CheckState, VerificationLog
from tests.support.builders import tree_of
from tests.tui.support.driver import Terminal
from tests.tui.support.patient import Patient, patiently
from tests.tui.support.user import PATIENCE, SETTLED
from tui.dialogs.answers import Answers
from tui.dialogs.base import Dialog

PATTERN = "$SNAP_COMMON/data/IMG_*"
NEW, AGAIN = 11, 12
PICTURES = 40
_TITLE = re.compile(r"╭─ (\S.*?) ─+╮")
_EDGE = re.compile(r"╰─[^╰╯]*\bEsc \w+ ─╯")


class Demo(NamedTuple):
    """The demo's world, seen through the library; `before` are its data as they were made."""

    root: str
    out: Path
    before: dict[str, Any]

    @property
    def engine(self) -> FilesEngine:
        return files_engine(self.root)

    @property
    def export(self) -> Path:
        return self.out / "new.snapshot"

    @property
    def pictures(self) -> int:
        """How many of the files that the save leaves out are there."""
        names = os.listdir(f"{self.root}/var/snap/nextcloud/common/data")
        return sum(name.startswith("IMG_") for name in names)

    def states(self, set_id: int) -> set[CheckState]:
        """How the snapshots of a set stand."""
        snapshots = [snapshot for group in self.engine.sets(set_id) for snapshot in group.snapshots]
        ledger = VerificationLog(self.engine.journal.folder)
        return {checked.state for checked in ledger.statuses(snapshots).values()}

    def sums(self, set_id: int) -> dict[str, dict[str, str] | None]:
        """What a set holds, by snap."""
        return {
            snapshot.snap: snapshot.sums for group in self.engine.sets(set_id) for snapshot in group.snapshots
        }


def data_of(root: str) -> dict[str, Any]:
    return {top: tree_of(f"{root}/{top}") for top in ("var/snap", "home")}


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Demo:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    root = demo_root()
    (tmp_path / "out").mkdir()
    return Demo(root, tmp_path / "out", data_of(root))


def ends_well(demo: Demo, sums: dict[str, dict[str, str] | None]) -> None:
    """Data, sets, file and jobs are as the story leaves them."""
    assert data_of(demo.root) == demo.before
    assert [record.set_id for record in demo.engine.sets()] == [1, 2, 3, 5, 6, 7, 8, 9, AGAIN]
    assert demo.sums(AGAIN) == sums
    assert {record.exclude for record in demo.engine.sets(AGAIN)[0].snapshots} == {(PATTERN,)}
    assert demo.states(1) == {CheckState.NEVER}
    digest, name = demo.export.with_name("new.snapshot.sha256").read_text().split()
    assert (digest, name) == (hashlib.sha256(demo.export.read_bytes()).hexdigest(), "new.snapshot")
    jobs = [(record.verb, record.state.value) for record in demo.engine.journal.records()[1:]]
    assert jobs == [
        ("save", "done"),
        ("check-snapshot", "done"),
        ("restore", "done"),
        ("undo", "done"),
        ("export-snapshot", "done"),
        ("forget", "done"),
        ("import-snapshot", "done"),
    ]
    assert demo.engine.journal.record(4).result.undone
    assert [(offer.job, offer.set_id) for offer in demo.engine.undo_offers()] == [(7, NEW), (5, NEW)]


# -- what every screen must show


def faults_of(display: Iterable[str], *, command: bool = True) -> list[str]:
    """What is wrong with a screen as it stands there in text; `command` where a dialog must show one."""
    lines = [line.rstrip() for line in display]
    text = "\n".join(lines)
    faults = ["a traceback"] if "Traceback" in text else []
    frame = _dialog_in(lines)
    if not frame:
        return faults if lines[-1].endswith("? Help") else [*faults, f"no help in {lines[-1]!r}"]
    title, inside, edge = frame[0].strip("╭╮─ "), frame[1:-1], frame[-1]
    if not all(line.startswith("│ ") and line.endswith(" │") for line in inside):
        faults.append(f"the frame of {title} is broken")
    if sum(bool(line.strip("│ ")) for line in inside) < 3:
        faults.append(f"{title} says nothing")
    if command and not any("same as  snapstow --demo " in line for line in inside):
        faults.append(f"{title} does not show its command")
    if not re.search(r"Esc (Cancel|Keep|Close|Back)", edge):
        faults.append(f"{title} does not show its answers")
    return faults


def _dialog_in(lines: Sequence[str]) -> list[str]:
    """The lines of the dialog, from its title to the edge with its answers; none where there is none."""
    for number, line in enumerate(lines):
        if edge := _EDGE.search(line):
            left, right = edge.span()
            tops = [at for at in range(number) if _TITLE.fullmatch(lines[at][left:right])]
            return [line[left:right] for line in lines[tops[-1] : number + 1]] if tops else []
    return []


def cut_off(user: Patient) -> list[str]:
    """What of the screen cannot be seen whole, or is there without a word."""
    screen = user.app.screen
    whole = Region(0, 0, *user.app.size)
    faults = []
    for widget in screen.walk_children():
        if not widget.is_on_screen or not isinstance(widget, Static | OptionList):
            continue
        place = screen.find_widget(widget)
        name = f"{widget.__class__.__name__} #{widget.id}"
        if place.visible_region != place.region or not whole.contains_region(place.region):
            faults.append(f"{name} is cut off")
        if isinstance(widget, OptionList) and not widget.option_count:
            faults.append(f"{name} is empty")
        if isinstance(widget, Static) and not str(widget.content).strip() and place.region.height > 1:
            faults.append(f"{name} says nothing")
    if isinstance(screen, Dialog):
        shown = user.screen()
        answers = screen.query_one(Answers)
        wanted = [answers.verdict, answers.main.text if answers.main else ""]
        faults += [f"not in sight: {text}" for text in wanted if text not in shown]
    return faults


# -- on a real terminal


class Guest:
    """Somebody at a terminal, who looks at everything before the next key."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal

    def sees(self, *texts: str, gone: str = "\0", command: bool = True) -> None:
        """Until every word is there, `gone` is not, and nothing is wrong with the screen."""
        display = self.terminal.screen.display

        def missing() -> list[str]:
            text = "\n".join(self.terminal.screen.display)
            return [word for word in texts if word not in text] + [gone] * (gone in text)

        try:
            self.terminal.until(lambda: not missing())
            self.terminal.until(lambda: not faults_of(self.terminal.screen.display, command=command))
        except AssertionError as never:
            faults = faults_of(display, command=command)
            raise AssertionError(f"missing {missing()}, wrong {faults}: {never}") from None

    def presses(self, keys: str) -> None:
        self.terminal.press(keys.encode())

    def row_of(self, set_id: int) -> str:
        return next((line for line in self.terminal.text if f"#{set_id} " in line), "")


def test_the_demo_on_a_terminal(demo: Demo, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tui.cli.main", "--demo"]
    with Terminal(command, changes={"XDG_DATA_HOME": str(tmp_path / "data")}) as terminal:
        guest = Guest(terminal)
        guest.sees("#9 ", "#1 ", "? Help")
        saves_and_checks(guest, demo)
        sums = demo.sums(NEW)
        restores_and_takes_back(guest, demo)
        exports_forgets_and_imports(guest, demo)
        guest.presses("q")
        assert terminal.ended() == 0
    assert b"Traceback" not in terminal.seen
    ends_well(demo, sums)


def saves_and_checks(guest: Guest, demo: Demo) -> None:
    guest.presses("s")
    guest.sees("4 snaps, 3 users: 2.", "MB in 90 files", "Enter Save 4 snaps ", gone="measuring")
    guest.presses(f"\t{PATTERN}")  # from the list to the field
    guest.sees(f"save '--exclude={PATTERN}'")
    guest.presses("\x1b[A")
    guest.sees(f"[x] {PATTERN}  excludes 1.2 MB of nextcloud", "in 50 files", gone="measuring")
    guest.presses("\r")
    guest.sees(f"Saved as #{NEW}", f"#{NEW} ")
    guest.presses("gc")
    guest.sees(f"(•) selected: #{NEW}", "Check 4 snapshots")
    guest.presses("\r")
    guest.sees(f"Checked #{NEW}", "✓ verified")
    assert "✓ verified" in guest.row_of(NEW)
    assert demo.states(NEW) == {CheckState.OK}


def restores_and_takes_back(guest: Guest, demo: Demo) -> None:
    guest.presses("r")
    guest.sees("READY WITH LOSS", "loses 41", f"Type {NEW} to restore", "41 files")
    guest.presses("12\r")
    guest.sees("Restore #11", f"type {NEW}, the number of the set")
    assert demo.pictures == PICTURES
    guest.presses("\x7f1\r")
    guest.sees(f"Restored #{NEW}", "undo until")
    assert demo.pictures == 0
    guest.presses("u")
    guest.sees("Undo job 4", f"restore of #{NEW}")
    guest.presses("\r")
    guest.sees("Undone: ")
    assert demo.pictures == PICTURES


def exports_forgets_and_imports(guest: Guest, demo: Demo) -> None:
    guest.presses("e")
    guest.sees("bytes) to write", "[x] write its SHA-256", " Export ")
    guest.presses(f"\x15{demo.export}")
    guest.sees(" after", os.path.basename(demo.export))
    guest.presses("\r")
    guest.sees(f"Exported #{NEW}")
    guest.presses("f")
    guest.sees("are free then", "Keep")
    guest.presses("\r")
    guest.sees(f"Forgot #{NEW}", gone=f"▸ #{NEW}")
    guest.presses("i")
    guest.sees("Import a set", command=False)
    guest.presses(f"\x15{demo.export}")
    guest.sees("exported as set #11", "does not expire", " Import ")
    guest.presses("\r")
    guest.sees("Imported ", f"as #{AGAIN}")
    guest.terminal.rest(SETTLED)
    guest.presses("r")
    guest.sees(f"Restore #{AGAIN}", f"Type {AGAIN} to restore")
    guest.presses("\x1b")
    guest.sees("? Help", f"#{AGAIN} ")


# -- without one, more closely


class Critic(Patient):
    """Somebody who looks closely at every screen."""

    async def reads(self, *texts: str, gone: str = "\0", command: bool = True) -> "Critic":
        """Until every word is there and `gone` is not; fails where anything is wrong with the screen."""
        end = time.monotonic() + 3 * PATIENCE
        while True:
            shown = self.screen()
            faults = [f"not there: {word}" for word in texts if word not in shown]
            faults += [f"still there: {gone}"] * (gone in shown)
            faults += faults_of(shown.split("\n"), command=command) + cut_off(self)
            if not faults:
                return self
            assert time.monotonic() < end, f"{faults}:\n{shown}"
            await self.pilot.pause(0.01)


async def tells_the_demo(critic: Critic, demo: Demo) -> None:
    await critic.reads("#9 ", "#1 ")
    await critic.presses("s")
    await critic.reads("4 snaps, 3 users: 2.", "MB in 90 files", gone="measuring")
    await critic.presses("tab")
    await critic.types(PATTERN)
    await critic.reads(f"save '--exclude={PATTERN}'")
    await critic.presses("up")
    await critic.reads("excludes 1.2 MB of nextcloud", "in 50 files", gone="measuring")
    await critic.presses("enter")
    await critic.reads(f"Saved as #{NEW}", f"#{NEW} ")
    await critic.presses("g", "c")
    await critic.reads(f"(•) selected: #{NEW}", "Check 4 snapshots")
    await critic.presses("enter")
    await critic.reads(f"Checked #{NEW}", "worst     ✓ verified")
    await critic.presses("r")
    await critic.reads(f"Type {NEW} to restore", "41 files")
    await critic.presses("9", "enter")
    await critic.reads(f"type {NEW}, the number of the set")
    await critic.presses("backspace", *str(NEW), "enter")
    await critic.reads(f"Restored #{NEW}", "undo until")
    await critic.presses("u")
    await critic.reads("Undo job 4")
    await critic.presses("enter")
    await critic.reads("Undone: ")


async def tells_of_the_file(critic: Critic, demo: Demo) -> None:
    await critic.presses("e")
    await critic.reads("bytes) to write", "[x] write its SHA-256")
    await critic.types(str(demo.export))
    await critic.reads(" after", demo.export.name)
    await critic.presses("enter")
    await critic.reads(f"Exported #{NEW}")
    await critic.presses("f")
    await critic.reads("are free then")
    await critic.presses("enter")
    await critic.reads(f"Forgot #{NEW}", gone=f"▸ #{NEW}")
    await critic.presses("i")
    await critic.reads("Import a set", command=False)
    await critic.types(str(demo.export))
    await critic.reads("does not expire", "[x] telegram_work")
    await critic.presses("enter")
    await critic.reads("Imported ", f"as #{AGAIN}")
    await critic.presses("J")
    await critic.reads("8 jobs", f"as #{AGAIN} in")
    await (await critic.presses("escape")).lets_rows_settle()
    await critic.presses("r")
    await critic.reads(f"Restore #{AGAIN}", f"Type {AGAIN} to restore")


def test_every_screen_of_the_demo_is_whole(demo: Demo) -> None:
    sums: list[dict[str, dict[str, str] | None]] = []

    async def tell(user: Patient) -> None:
        critic = Critic(user.app, user.pilot)
        await tells_the_demo(critic, demo)
        sums.append(demo.sums(NEW))
        await tells_of_the_file(critic, demo)

    patiently(demo.root, tell)
    ends_well(demo, sums[0])
