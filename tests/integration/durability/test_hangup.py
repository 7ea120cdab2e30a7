"""The connection drops: the job goes on, nothing is lost, and the next login finds it.

Every verb meets every cut and every moment; all combinations of the three only with SNAPSTOW_EVERY_CUT set.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from backend.jobs import JobState, Journal
from tests.support import TOP
from tests.support.builders import World, tree_of
from tests.tui.support.cutting import Cut, Gate, Login, Moment, ended
from tests.tui.support.driver import Done, Snapstow
from tests.tui.support.patient import Patient, patiently

EVERY = bool(os.environ.get("SNAPSTOW_EVERY_CUT"))
LONG_AGO = "2001-01-01T00:00:00Z"
NOW, THEN = {"x1": {"f": "now"}, "common": {"n": "now"}}, {"x1": {"f": "then"}, "common": {"n": "then"}}
EXIT_CODES = {Cut.CLOSED: 129, Cut.HUNG_UP: 129, Cut.KILLED: -9, Cut.ALL_KILLED: -9}


class Verb(NamedTuple):
    """A verb of the screens: what is pressed up to the Enter that starts it, and what it is to have done."""

    name: str
    start: Callable[[Login, World], None]
    is_done: Callable[["Story"], bool]
    prepare: Callable[[World], None] = lambda world: None


class Story:
    """A root, and the command for it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.snapstow = Snapstow(world)
        self.before = self.seen

    @property
    def seen(self) -> tuple[Any, ...]:
        """All that a user can see of the place: data, files of the store, files beside."""
        world = self.world
        data = [tree_of(world.data(snap, user)) for snap in ("bar", "foo") for user in (None, "alice")]
        beside = sorted(name for name in os.listdir(world.root) if "snapshot" in name)
        return (data, world.names(), beside)

    @property
    def journal(self) -> Journal:
        return self.world.engine.journal

    def command(self, *arguments: str) -> Done:
        return self.snapstow(*arguments)

    def attached(self) -> Done:
        """Follow job 1 from another login, to its end."""
        return self.command("attach", "1")


# -- the verbs, as they are typed


def start_save(login: Login, _world: World) -> None:
    login.press(b"s")
    login.shows("Save 2 snaps", "in 6 files").press(b"\r")


def start_restore(login: Login, _world: World) -> None:
    login.press(b"r")
    login.shows("type 1 first", "(•) 24 h").press(b"1\r")


def start_export(login: Login, world: World) -> None:
    path = f"{world.root}/out.snapshot"
    login.press(b"e")
    login.shows("to write").press(f"/{path}".encode())  # behind // a path counts alone
    login.shows(f"export-snapshot 1 {path}", "free there").press(b"\r")


def start_import(login: Login, world: World) -> None:
    login.press(b"i")
    login.shows("Import a set").press(f"{world.root}/in.snapshot".encode())
    login.shows("gets its own number").press(b"\r")


def add_set(world: World) -> None:
    for snap in ("foo", "bar"):
        world.add(1, snap, THEN, users={"alice": {"common": {"n": "then"}}}, time=LONG_AGO)


def export_set(world: World) -> None:
    add_set(world)
    Snapstow(world)("export-snapshot", "1", f"{world.root}/in.snapshot")
    Snapstow(world)("forget", "1", "--now")
    for number in (1, 2):
        folder = world.root / f"var/lib/snapstow/jobs/{number}"
        for name in os.listdir(folder):
            (folder / name).unlink()
        folder.rmdir()


# -- what they are to have done


def is_restored(story: Story) -> bool:
    data = [tree_of(story.world.data(snap)) for snap in ("bar", "foo")]
    hers = [tree_of(story.world.data(snap, "alice"))["common"] for snap in ("bar", "foo")]
    if (data, hers) != ([THEN, THEN], [{"n": "then"}] * 2):
        return False
    assert story.command("undo").code == 0
    return story.seen == story.before


def is_exported(story: Story) -> bool:
    assert sorted(os.listdir(story.world.root)).count("out.snapshot") == 1
    assert story.command("forget", "1", "--now").code == 0
    again = story.command("import-snapshot", f"{story.world.root}/out.snapshot")
    return again.code == 0 and is_there(story, 2)


def is_there(story: Story, number: int = 1) -> bool:
    names = [f"{number}_bar_1.0_x1.zip", f"{number}_foo_1.0_x1.zip"]
    checked = story.command("check-snapshot", str(number), "--structure")
    return story.world.names() == names and checked.code == 0


def is_there_again(story: Story) -> bool:
    """Under the next number: that of a forgotten set is never given again."""
    return is_there(story, 2)


VERBS = (
    Verb("save", start_save, is_there),
    Verb("restore", start_restore, is_restored, add_set),
    Verb("export-snapshot", start_export, is_exported, add_set),
    Verb("import-snapshot", start_import, is_there_again, export_set),
)


def combinations() -> Iterator[Any]:
    """Each verb with each cut and each moment, or all there are; one of each verb in every run."""
    for v, verb in enumerate(VERBS):
        for c, cut in enumerate(Cut):
            for m, moment in enumerate(Moment):
                if EVERY or (v + c) % len(Moment) == m:
                    marks = () if v == c else (pytest.mark.slow,)
                    name = f"{verb.name}-{cut.name}-{moment.name}"
                    yield pytest.param(verb, cut, moment, id=name, marks=marks)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("PYTHONPATH", str(TOP))
    world = World(tmp_path / "root")
    for snap in ("foo", "bar"):
        world.install(snap, data=NOW["x1"], common=NOW["common"], users={"alice": {"n": "now"}})
    world.write_state()
    return world


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    with Gate(tmp_path) as gate:
        yield gate


def begin(verb: Verb, world: World) -> Story:
    verb.prepare(world)
    return Story(world)


def start(verb: Verb, login: Login, story: Story, gate: Gate) -> int:
    """Start a verb from the screens, and wait until its job waits; the process of the job."""
    login.shows("Restore c Check")
    login.shows("free")
    verb.start(login, story.world)
    return gate.reached(login)


def next_login_sees(story: Story, *texts: str) -> None:
    """Open the screens anew: the strip, then J."""

    async def tell(user: Patient) -> None:
        await user.sees(texts[0])
        await user.presses("J")
        for text in texts[1:]:
            await user.sees(text)

    patiently(str(story.world.root), tell)


@pytest.mark.parametrize(("verb", "cut", "moment"), list(combinations()))
def test_a_job_outlives_the_login(verb: Verb, cut: Cut, moment: Moment, world: World, gate: Gate) -> None:
    story = begin(verb, world)
    with Login(world.root, held=(moment, gate)) as login:
        pid = start(verb, login, story, gate)
        assert login.cut(cut) == EXIT_CODES[cut]
        if cut is Cut.HUNG_UP:
            assert b"\x1b[?1049l" in login.seen  # the terminal is as it was
        sid = login.process.pid
    assert os.getsid(pid) == pid != sid
    if moment is Moment.UNBORN:
        assert story.journal.records() == []
        gate.let_go()
        gate.ended()
    else:
        assert story.command("--json", "jobs").document[0]["state"] == "running"
        next_login_sees(story, "job 1 ", "▶ running", verb.name)
        gate.let_go()
    done = story.attached()
    assert done.code == 0
    assert "Job 1 done" in done.out
    assert ended(story.journal, 1).pid == pid
    assert verb.is_done(story)


def _slow_but(name: str, verb: Verb) -> tuple[pytest.MarkDecorator, ...]:
    return () if verb.name == name else (pytest.mark.slow,)


def deaths() -> list[Any]:
    """Each verb with the middle of its work or the end of it, or with both; a restore in every run."""
    return [
        pytest.param(verb, moment, id=f"{verb.name}-{moment.name}", marks=_slow_but("restore", verb))
        for number, verb in enumerate(VERBS)
        for which, moment in enumerate((Moment.MIDDLE, Moment.END))
        if EVERY or number % 2 != which
    ]


@pytest.mark.parametrize(("verb", "moment"), deaths())
def test_a_job_that_dies_as_well_leaves_nothing_half_done(
    verb: Verb, moment: Moment, world: World, gate: Gate
) -> None:
    story = begin(verb, world)
    with Login(world.root, held=(moment, gate)) as login:
        start(verb, login, story, gate)
        gate.kill()
        login.cut(Cut.ALL_KILLED)
    gate.ended()
    assert story.command("--json", "jobs").document[0]["state"] == "interrupted"
    next_login_sees(story, "1 failed or interrupted", "interrupted", verb.name)
    assert story.command("forget", "9").code == 1  # any change begins with ending what died
    if moment is Moment.END:
        assert verb.is_done(story)
    else:
        assert story.seen == story.before
    assert story.journal.record(1).state is not JobState.INTERRUPTED


def test_stop_from_another_login_undoes_it_for_both(world: World, gate: Gate) -> None:
    verb = next(verb for verb in VERBS if verb.name == "restore")
    story = begin(verb, world)
    with Login(world.root, held=(Moment.MIDDLE, gate)) as first, Login(world.root) as second:
        start(verb, first, story, gate)
        first.shows("job 1 ")
        second.shows("job 1 ").press(b"J")
        second.shows("Enter Log", "job 1 · started").press(b"x")  # a key before that has no job yet
        second.shows("Stop job 1").press(b"\r")
        second.shows("asked job 1 to stop")
        gate.let_go()
        second.shows("- cancelled")
        first.shows("was stopped, and undone")
    assert ended(story.journal, 1).state is JobState.CANCELLED
    assert story.seen == story.before


def test_attach_follows_a_job_whose_login_is_gone(world: World, gate: Gate) -> None:
    verb = VERBS[0]
    story = begin(verb, world)
    with Login(world.root, held=(Moment.MIDDLE, gate)) as login:
        start(verb, login, story, gate)
        login.cut(Cut.CLOSED)
    with story.snapstow.terminal("attach", "1") as other:
        other.until(lambda: any("Saving" in line for line in other.text))
        gate.let_go()
        assert other.ended() == 0
        assert other.text[-1].startswith("Job 1 done")


@pytest.mark.parametrize("cut", [Cut.CLOSED, Cut.KILLED], ids=lambda cut: cut.name)
def test_a_question_that_was_not_answered_does_nothing(cut: Cut, world: World) -> None:
    add_set(world)
    story = Story(world)
    with Login(world.root) as login:
        login.shows("free").press(b"r")
        login.shows("type 1 first", "(•) 24 h").press(b"1")
        login.until(lambda: "type 1" not in "".join(login.screen.display))
        assert login.cut(cut) == EXIT_CODES[cut]
    assert story.journal.records() == []
    assert story.seen == story.before


def test_screens_that_die_while_they_start_a_job_leave_no_file_of_it(world: World, gate: Gate) -> None:
    story = begin(VERBS[0], world)
    with Login(world.root, held=(Moment.UNBORN, gate)) as login:
        start(VERBS[0], login, story, gate)
        login.cut(Cut.KILLED)
    gate.let_go()
    gate.ended()
    assert story.command("check-snapshot", "1").code == 0
    assert [name for name in os.listdir(story.snapstow.state) if name.startswith("start-")] == []


def test_the_linear_mode_leaves_its_jobs_behind_as_well(world: World, gate: Gate) -> None:
    verb = VERBS[1]
    story = begin(verb, world)
    with Login(world.root, ("browse", "--plain"), held=(Moment.MIDDLE, gate)) as login:
        login.shows("Command:").press(b"restore 1\r\r\r1\r")
        gate.reached(login)
        login.shows("Started job 1.")
        assert login.cut(Cut.CLOSED) in (-1, 0)  # the hang-up or the end of its input comes first
    with Login(world.root, ("browse", "--plain")) as other:
        other.shows("Job 1: running, started").press(b"attach\r")
        other.until(lambda: other.text[-1].endswith("percent."))
        gate.let_go()
        other.shows("Job 1 is done.")
    assert verb.is_done(story)
