"""What a survey is concerned about, and what changes between two looks."""

import os
import socket
import stat
from collections.abc import Sequence
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.archive.tar.program import Tar
from backend.errors import Cancelled, CommandError
from backend.format import excludes
from backend.fs import files
from backend.fs import safe_open as parents
from backend.fs.removal import remove_tree
from backend.fs.walk import TreeWalk
from backend.progress import Progress
from backend.save.survey import Outlook, Survey, resurvey, survey_of, with_changes
from tests.support.builders import AS_ROOT, FIFO, Link, World
from tests.support.descriptors import descriptors
from tests.support.fakes import stops
from tests.support.surveying import X1, aim_at, fill, looked, make_world, user_of

world = pytest.fixture(make_world)


def met(survey: Survey) -> dict[str, tuple[int, tuple[str, ...]]]:
    return {concern.kind: (concern.number, concern.examples) for concern in survey.concerns}


def open_descriptors() -> int:
    return len(descriptors())


# -- concerns


def test_links_and_files_in_place_of_data_are_not_included(world: World) -> None:
    top = world.data("cloud")
    (top / "common").rename(top / "away")
    (top / "common").symlink_to("away")
    assert [(concern.kind, concern.outlook, concern.examples) for concern in looked(world).concerns] == [
        ("link", Outlook.LEFT_OUT, ("common",))
    ]
    (top / "common").unlink()
    (top / "common").write_text("a file")
    assert met(looked(world)) == {"no-directory": (1, ("common",))}
    assert looked(world).read.apparent == 1


def test_a_home_that_leads_elsewhere_is_not_included(world: World) -> None:
    home = world.home("alice")
    (home / "snap").rename(home / "elsewhere")
    (home / "snap").symlink_to("/etc")
    (concern,) = looked(world, "alice").concerns
    assert concern.outlook is Outlook.LEFT_OUT
    assert "it is a symbolic link" in concern.text


def test_special_files_are_told_for_what_becomes_of_them(world: World) -> None:
    top = fill(world, {"fifo": FIFO, "ünd": {"fifo": FIFO}, "cache": {"fifo": FIFO}, "link": Link("/etc")})
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"/proc/self/fd/{os.open(top, os.O_RDONLY)}/socket")
        survey = looked(world, None, "$SNAP_COMMON/cache")
    assert met(survey).keys() == {"fifo", "socket"}
    assert sorted(met(survey)["fifo"][1]) == ["common/fifo", "common/ünd/fifo"]
    assert {concern.outlook for concern in survey.concerns} == {Outlook.HARMLESS}


@pytest.mark.skipif(not AS_ROOT, reason="makes device nodes")
@pytest.mark.root
def test_device_nodes_and_whiteouts(world: World) -> None:
    top = fill(world, {})
    os.mknod(top / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(top / "whiteout", stat.S_IFCHR | 0o666, os.makedev(0, 0))
    assert met(looked(world)) == {"device": (1, ("common/null",))}


needs_root = pytest.mark.skipif(not AS_ROOT, reason="switches users")


@needs_root
@pytest.mark.root
def test_files_closed_to_their_user_fail_and_are_told(world: World) -> None:
    top = fill(world, {"mine": "1", "theirs": "2", "cache": {"theirs": "3"}, "closed": {"f": "4"}}, "alice")
    for name in ("theirs", "cache/theirs"):
        (top / name).chmod(0o600)
    (top / "closed").chmod(0o700)
    survey = looked(world, "alice")
    assert sorted(met(survey)["unreadable"][1]) == ["common/cache/theirs", "common/theirs"]
    assert met(survey)["closed"] == (1, ("common/closed",))
    assert {concern.outlook for concern in survey.concerns} == {Outlook.FAILS}
    assert survey.whole
    assert fails_for_tar(world, "alice", [])
    patterns = ["$SNAP_USER_COMMON/theirs", "$SNAP_USER_COMMON/cache", "$SNAP_USER_COMMON/closed"]
    assert not looked(world, "alice", *patterns).concerns
    assert not fails_for_tar(world, "alice", patterns)


@needs_root
@pytest.mark.root
@given(mode=st.integers(0, 0o777), owner=st.sampled_from(["root", "alice", "group"]), directory=st.booleans())
def test_tar_and_the_survey_agree_on_every_mode(
    tmp_path_factory: pytest.TempPathFactory, mode: int, owner: str, directory: bool
) -> None:
    world = World(tmp_path_factory.mktemp("mode") / "root")
    world.install("cloud", users={"alice": {}})
    top = fill(world, {"d": {"f": "1"}, "f": ""}, "alice")
    path = top / ("d" if directory else "f")
    alice = user_of(world, "alice")
    ids = {"root": (0, 0), "alice": (alice.uid, 0), "group": (0, alice.gid)}
    os.chown(path, *ids[owner])
    path.chmod(mode)
    fails = any(concern.outlook is Outlook.FAILS for concern in looked(world, "alice").concerns)
    assert fails == fails_for_tar(world, "alice", [])


def fails_for_tar(world: World, name: str, patterns: Sequence[str]) -> bool:
    user = user_of(world, name)
    buffer = memoryview(bytearray(1 << 18))
    parent = world.engine.layout.user_parent(user, "cloud")
    expanded = excludes.expand(patterns, X1, system=False)
    try:
        with (
            parents.open_data_parent(parent, user, links=False) as fd,
            Tar(user, machine=False).pack(fd, ["common"], expanded, Progress()) as read,
        ):
            while read(buffer):
                pass
    except CommandError:
        return True
    return False


def test_folders_closed_to_us_fail_and_are_not_measured(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(world, {"closed": {"f": "1"}, "cache": {"closed": {"f": "1"}}})
    really_open = os.open

    def refuse(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path == "closed":
            raise PermissionError(13, "Permission denied", path)
        return really_open(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refuse)
    survey = looked(world, None, "$SNAP_COMMON/cache")
    assert met(survey) == {"closed": (1, ("common/closed",))}
    assert not survey.whole


def test_some_are_named_all_are_counted_and_none_is_endless(world: World) -> None:
    fill(world, {f"fifo{number}": FIFO for number in range(30)})
    (concern,) = looked(world).concerns
    assert (concern.number, len(concern.examples)) == (30, 20)
    assert concern.text.startswith("30 FIFOs")


# -- a second look


def test_files_changing_between_two_looks_may_fail(world: World) -> None:
    top = fill(world, {"log": "1", "same": "1", "gone": "1"})
    survey = survey_of(world.engine.layout, aim_at(world), now=0.0)
    (top / "log").write_text("12")
    (top / "gone").unlink()
    later = resurvey(world.engine.layout, survey.aim, survey.recent)
    changed = with_changes(survey, later)
    assert {file.path for file in survey.recent} >= {"common/log", "common/same", "common/gone", "x1/g"}
    (concern,) = changed.concerns
    assert (concern.kind, concern.outlook) == ("changing", Outlook.UNSURE)
    assert sorted(concern.examples) == ["common", "common/gone", "common/log"]
    assert with_changes(changed, survey.recent).concerns == ()


def test_only_what_changed_lately_is_looked_at_again(world: World) -> None:
    assert looked(world).recent == ()
    fill(world, {f"f{number}": "" for number in range(1100)})
    assert len(survey_of(world.engine.layout, aim_at(world), now=0.0).recent) == 1000


def test_a_second_look_follows_no_link_and_forgives_what_is_gone(world: World) -> None:
    top = fill(world, {"a": {"f": "1"}})
    survey = survey_of(world.engine.layout, aim_at(world), now=0.0)
    (top / "a").rename(top.parent / "away")
    (top / "a").symlink_to("../away")
    later = resurvey(world.engine.layout, survey.aim, survey.recent)
    assert "common/a/f" not in {file.path for file in later}
    before = open_descriptors()
    remove_tree(str(top.parent))
    assert resurvey(world.engine.layout, survey.aim, survey.recent) == ()
    assert open_descriptors() == before


# -- hostile trees


def test_a_tree_of_any_depth(world: World) -> None:
    top = fill(world, {})
    fd, depth = os.open(top, os.O_RDONLY), 400
    for _ in range(depth):
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
        os.mkfifo(f"/proc/self/fd/{fd}/fifo")
        os.mkdir("d" * 250, dir_fd=fd)
        below = os.open("d" * 250, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)
    before = open_descriptors()
    survey = survey_of(world.engine.layout, aim_at(world, None, "$SNAP_COMMON/*/*/file"), now=0.0)
    try:
        assert survey.read.files == depth + 1
        assert survey.left_out.files == 1
        assert all(len(example) <= 4097 for example in met(survey)["fifo"][1])
        assert all(len(file.path) <= 4096 for file in survey.recent)
        assert open_descriptors() == before
    finally:
        remove_tree(str(top))


def test_names_are_data(world: World) -> None:
    fill(world, {"x\x1b[31m\n[red]\udcff": FIFO})
    (concern,) = looked(world).concerns
    assert concern.examples == ("common/x\x1b[31m\n[red]\udcff",)


def test_survey_can_be_cancelled_anywhere_and_leaves_nothing_open(world: World) -> None:
    fill(world, {"a": {"b": {"f": "1"}}, "c": {"f": "1"}})
    before = open_descriptors()
    moments = 0
    for _ in stops(lambda job: looked(world, progress=job)):
        moments += 1
        assert open_descriptors() == before
    assert moments > 3
    progress = Progress()
    progress.stop()
    with pytest.raises(Cancelled):
        looked(world, progress=progress)


def test_a_deep_tree_is_not_spelled_out_at_every_step(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    spelled = []
    place = TreeWalk.place

    def counted(self: TreeWalk, name: object = None) -> str:
        spelled.append(name)
        return place(self, name)

    monkeypatch.setattr(TreeWalk, "place", counted)
    depth = 300
    fill(world, {"f": "1"})
    with ExitStack() as stack:
        fd = stack.enter_context(files.opened(str(world.data("cloud") / "common"), files.DIRECTORY))
        for _ in range(depth):
            os.mkdir("d" * 100, dir_fd=fd)
            fd = stack.enter_context(files.opened("d" * 100, files.DIRECTORY, fd))
            os.mkfifo("fifo", dir_fd=fd)
    survey = looked(world, now=0.0)
    assert met(survey)["fifo"][0] == depth
    assert len(spelled) < depth / 2
