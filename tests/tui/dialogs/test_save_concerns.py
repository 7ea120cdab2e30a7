"""What the dialog before a save says of exclusions and concerns, and how it is left."""

import os
import shutil
import socket
from pathlib import Path

import pytest
from textual.widgets import Input

from backend import Cancelled, Progress, Save
from backend.save.preflight import SYSTEM, SaveSurveys, preflight_save
from tests.support.builders import AS_ROOT, FIFO, Link, Tree, World, plant, uid_of
from tests.tui.support.dialogs import goes_to
from tests.tui.support.patient import Patient
from tests.tui.support.saving import ask, confirms, follows, place_of, surveys_of, types
from tui.dialogs.save import AskSave, PreflightDone
from tui.dialogs.save_lines import Draft, Look, lines_of


def test_a_pattern_is_checked_while_it_is_typed(world: World) -> None:
    async def tell(user: Patient) -> None:
        await types(user, "$HOME")
        await user.sees("must start with one of")
        await user.presses("enter")
        await user.sees("same as")
        assert "--exclude" not in user.screen()
        await confirms(user)
        assert user.answers == []

    assert ask(world, tell) == []


def test_a_pattern_is_added_measured_and_taken_out_again(world: World) -> None:
    async def tell(user: Patient) -> None:
        box = user.app.screen.query_one("#pattern", Input)
        await types(user, "$SNAP_COMMON/*")
        assert "must start" not in user.screen()
        await user.presses("up")
        await follows(user)
        await user.sees("excludes 6 B of chat and cloud")
        assert box.value == ""
        await goes_to(user, "$SNAP_COMMON")
        await user.presses("space")
        assert "keeps" not in user.screen()
        await types(user, "$SNAP_DATA/cache")
        await user.presses("up")
        await types(user, "$SNAP_USER_COMMON/c")
        await confirms(user)

    assert ask(world, tell) == [Save(exclude=("$SNAP_DATA/cache", "$SNAP_USER_COMMON/c"))]


@pytest.mark.parametrize(
    ("pattern", "taken"),
    [
        ("$SNAP_COMMON/cache", 30),
        ("$SNAP_COMMON/*/a", 10),
        ("$SNAP_COMMON/c*", 33),
        ("$SNAP_COMMON/away/passwd", 0),
        ("$SNAP_COMMON", 33),
        ("$SNAP_DATA/cache", 0),
        ("$SNAP_USER_COMMON/.h*", 7),
        (r"$SNAP_COMMON/c\*", 2),
        ("$SNAP_COMMON/$x", 0),
    ],
)
def test_patterns_take_out_matching_bytes(tmp_path: Path, pattern: str, taken: int) -> None:
    world = World(tmp_path / "root")
    common: Tree = {"cache": {"a": "1" * 10, "b": "2" * 20}, "c": "3", "c*": "45", "away": Link("/etc")}
    world.install("cloud", common=common, users={"alice": {".hidden": "1234567"}})
    look = surveys_of(world, pattern)
    bytes_by_pattern = look.surveys.taken_out(pattern, ["cloud"], look.owners)
    assert bytes_by_pattern is not None
    assert sum(bytes_by_pattern.values()) == taken
    assert look.surveys.taken_out("$SNAP_DATA/other", ["cloud"], look.owners) is None


def test_a_folder_is_left_out_and_taken_in_again(world: World) -> None:
    plant(world.data("cloud") / "common", {"cache": {"f": "1" * 700}, "a*[b]": {"f": "1" * 20}})
    plant(world.data("cloud") / "common", {"s*r\\": {"f": "1" * 30}})

    async def tell(user: Patient) -> None:
        await follows(user)
        await goes_to(user, "▸ cloud")
        await user.presses("l")
        await goes_to(user, "common/cache")
        await user.presses("space")
        await follows(user)
        await user.sees("[ ]    700 B  common/cache  excluded")
        await user.sees("$SNAP_COMMON/cache  excludes 700 B")
        await user.presses("space")
        await follows(user)
        await user.sees("[x]    700 B  common/cache")
        await goes_to(user, "common/a*[b]")
        await user.presses("space")
        await user.sees("this name cannot be excluded")
        await goes_to(user, "common/s*r")
        await user.presses("space")
        await confirms(user)

    assert ask(world, tell) == [Save(exclude=(r"$SNAP_COMMON/s\*r\\",))]


def test_exclusions_of_others_are_named(world: World) -> None:
    world.install("cloud", exclude=["$SNAP_DATA/shipped"])
    plant(world.data("cloud"), {"common": {"cache": {"f": "1"}}, "x1": {"shipped": {"f": "12"}}})

    async def tell(user: Patient) -> None:
        await types(user, "$SNAP_COMMON/ca*")
        await user.presses("up")
        await follows(user)
        await user.sees("the snaps themselves exclude 2 B")
        await goes_to(user, "▸ cloud")
        await user.presses("l")
        await goes_to(user, "common/cache")
        await user.presses("space")
        await user.sees("$SNAP_COMMON/ca* excludes it")
        await goes_to(user, "x1/shipped")
        await user.presses("space")
        await user.sees("the snap itself excludes it")
        await confirms(user)

    assert ask(world, tell) == [Save(exclude=("$SNAP_COMMON/ca*",))]


# -- what is to be known before


def test_concerns_about_the_root_are_told(world: World) -> None:
    world.write_state("{")
    (world.root / "snap/chat/x1/meta/snap.yaml").write_text("{")
    shutil.rmtree(world.home("bob"))
    (world.root / "home/zoe/snap").mkdir(parents=True)

    async def tell(user: Patient) -> None:
        await user.sees("will not be recorded")
        await user.sees("chat cannot be saved")
        await user.sees("! not included")
        await user.sees("belong to no known user")
        await confirms(user)

    assert ask(world, tell, (160, 40)) == [Save(("cloud",))]


def test_concerns_come_worst_first_and_unfold_harmlessly(world: World) -> None:
    common = world.data("chat") / "common"
    plant(common, {"fifo\x1b]0;T\x07[red]": FIFO})
    with socket.socket(socket.AF_UNIX) as listener:
        fd = os.open(common, os.O_RDONLY)
        listener.bind(f"/proc/self/fd/{fd}/socket")
        os.close(fd)
    world.install("cloud", exclude=["$HOME"])
    (world.data("cloud") / "common").rename(world.data("cloud") / "away")
    (world.data("cloud") / "common").symlink_to("away")

    async def tell(user: Patient) -> None:
        await follows(user)
        marks = ("✗ will fail", "! not included", "· harmless")
        screen = user.screen()
        assert sorted(screen.index(word) for word in marks) == [screen.index(word) for word in marks]
        await user.sees("cloud: ")
        assert user.answer.text == "Save 2 snaps, 1 will fail"
        assert "fifo" not in screen
        await goes_to(user, "FIFO")
        await user.presses("space")
        await user.sees("l lists")
        await user.presses("l")
        await user.sees(r"common/fifo\x1b]0;T\x07[red]")
        await confirms(user)

    assert ask(world, tell) == [Save()]


@pytest.mark.skipif(not AS_ROOT, reason="switches users")
@pytest.mark.root
def test_unreadable_files_fail_until_they_are_left_out(world: World) -> None:
    plant(world.data("cloud", "alice") / "common", {f"secret{n:02}": "1" for n in range(25)}, 0)
    for path in (world.data("cloud", "alice") / "common").glob("secret*"):
        path.chmod(0o600)
    os.chown(world.data("cloud", "alice") / "common", uid_of("alice"), uid_of("alice"))

    async def tell(user: Patient) -> None:
        await follows(user)
        await user.sees("25 files cannot be read: cloud (alice)")
        assert user.answer.text == "Save 2 snaps, 1 will fail"
        await goes_to(user, "cannot be read")
        await user.presses("l")
        await user.sees("and 5 more")
        await goes_to(user, "cloud (alice): common/secret")
        await user.presses("space")
        await follows(user)
        await user.sees("24 files cannot be read")
        await types(user, "$SNAP_USER_COMMON/secret*")
        await user.presses("up")
        await follows(user)
        assert "cannot be read" not in user.screen()
        assert user.answer.text == "Save 2 snaps"

    ask(world, tell)


def test_changing_snaps_may_fail(world: World) -> None:
    async def tell(user: Patient) -> None:
        await follows(user)
        assert "may fail" not in user.screen()
        (world.data("chat") / "common/f").write_text("more than before")
        user.screen_of(AskSave).look_twice(Progress())
        await follows(user)
        await user.sees("~ may fail")
        await user.sees("changing: chat")
        assert user.answer.text == "Save 2 snaps, 1 may fail"
        await goes_to(user, "accept files that change")
        await user.presses("space")
        await user.sees("kept as they are read: chat")
        assert user.answer.text == "Save 2 snaps"
        await user.presses("f5")
        await follows(user)
        assert "changing" not in user.dialog()

    ask(world, tell)


# -- going on and leaving


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 15), (40, 10), (3, 2)])
def test_every_size(world: World, size: tuple[int, int]) -> None:
    async def tell(user: Patient) -> None:
        if size[0] >= 60:
            await user.sees("2 snaps, 3 users")
            await user.sees("Save 2 snaps")
            await user.sees("Exclude")
        await user.presses("escape")

    assert ask(world, tell, size) == [None]


@pytest.mark.parametrize("answer", ["escape", "enter"])
def test_save_dialog_can_be_left_at_any_moment(world: World, answer: str) -> None:
    async def tell(user: Patient) -> None:
        dialog = AskSave(user.app.place)
        await user.app.push_screen(dialog)
        dialog.post_message(PreflightDone(preflight_save(user.app.place.engine)))
        dialog.action_leave()
        dialog.post_message(PreflightDone(preflight_save(user.app.place.engine)))
        dialog.fit()
        await user.waits()
        await user.presses(answer)

    assert len(ask(world, tell)) == 1


def test_leaving_stops_the_survey(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs: list[Progress] = []
    renew = SaveSurveys.renew

    def renewing(surveys: SaveSurveys, patterns: tuple[str, ...], **options: bool) -> Progress:
        jobs.append(renew(surveys, patterns, **options))
        return jobs[-1]

    monkeypatch.setattr(SaveSurveys, "renew", renewing)

    async def tell(user: Patient) -> None:
        await follows(user)
        assert [job.stopping for job in jobs] == [False]
        await user.presses("escape")
        assert [job.stopping for job in jobs] == [True]

    assert ask(world, tell) == [None]


def test_other_patterns_stop_the_survey_for_those_before(world: World) -> None:
    surveys = SaveSurveys(world.engine.layout, preflight_save(world.engine))
    before = surveys.renew(())
    job = surveys.renew(("$SNAP_COMMON/f",))
    with pytest.raises(Cancelled):
        surveys.survey_all(before)
    assert (surveys.done, list(surveys.all_of(["cloud"], [SYSTEM]))) == (False, [])
    surveys.survey_all(job)
    assert surveys.done


def test_only_what_a_pattern_is_about_is_surveyed_again(world: World) -> None:
    look = surveys_of(world)
    surveys = look.surveys
    before = [surveys.of("cloud", owner) for owner in (SYSTEM, "alice")]
    surveys.survey_all(surveys.renew(("$SNAP_USER_COMMON/h",)))
    after = [surveys.of("cloud", owner) for owner in (SYSTEM, "alice")]
    assert [a is b for a, b in zip(before, after, strict=True)] == [True, False]


def test_lines_tell_the_same_before_anything_is_known(world: World) -> None:
    place = place_of(world)
    there = preflight_save(place.engine)
    look = Look(
        there,
        SaveSurveys(place.engine.layout, there),
        Draft(there.active, frozenset({"root"}), ("$SNAP_DATA/x",)),
    )
    texts = [str(line.text) for line in lines_of(look)]
    assert any("▸ cloud" in text and "…" in text for text in texts)
    assert "$SNAP_DATA/x  …" in texts
