"""What tar fails at, and how it is stopped."""

import os
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from backend.archive.tar.program import Tar
from backend.errors import Cancelled, CommandError, IntegrityError
from backend.model import User
from backend.progress import Progress
from tests.support.rawtar import END, directory, header, member
from tests.support.tarworld import (
    ADA,
    BIG,
    Reading,
    make_data,
    make_someone,
    packed,
    portrait,
    two_big_files,
    unpack,
)

someone = pytest.fixture(make_someone)
data = pytest.fixture(make_data)


def test_a_directory_that_is_not_there(data: Path) -> None:
    with pytest.raises(CommandError) as caught:
        packed(data, ["x1", "x2"])
    assert str(caught.value) == (
        "cannot create archive:\n"
        "tar: x2: Cannot stat: No such file or directory\n"
        "tar: Exiting with failure status due to previous errors"
    )
    assert caught.value.fatal == ("tar: x2: Cannot stat: No such file or directory",)


def test_the_last_five_of_many_lines(data: Path) -> None:
    with pytest.raises(CommandError) as caught:
        packed(data, [f"x{number}" for number in range(2, 12)])
    header_, *lines = str(caught.value).split("\n")
    assert header_ == "cannot create archive (showing last 5 lines out of 11):"
    assert lines[:-1] == [
        f"tar: x{number}: Cannot stat: No such file or directory" for number in range(8, 12)
    ]
    assert len(caught.value.fatal) == 10


def test_of_very_many_lines_only_some_are_kept(data: Path) -> None:
    with pytest.raises(CommandError, match="out of 1001") as caught:
        packed(data, [f"x{number}" for number in range(2, 1002)])
    assert len(caught.value.fatal) == 100


@pytest.mark.root
def test_files_that_the_user_may_not_read(data: Path, someone: User) -> None:
    os.chown(data / "x1", someone.uid, someone.gid)
    for number in range(7):
        (data / f"x1/secret{number}").touch(mode=0o600)
    with pytest.raises(CommandError, match="showing last 5 lines out of 8") as caught:
        packed(data, ["x1"], tar=Tar(someone))
    assert sorted(caught.value.fatal) == [
        f"tar: x1/secret{number}: Cannot open: Permission denied" for number in range(7)
    ]


@pytest.mark.root
@pytest.mark.parametrize("machine", [True, False])
def test_a_user_behind_closed_directories(tmp_path: Path, someone: User, machine: bool) -> None:
    """tar runs as the user although the directories above are root's alone."""
    top = tmp_path / "closed/data"
    rich_tree_of(someone, top)
    tmp_path.joinpath("closed").chmod(0o700)
    tar = Tar(someone, machine=machine)
    before = portrait(top)
    stream = packed(top, ["x1"], tar=tar)
    new = tmp_path / "closed/new"
    new.mkdir(mode=0o700)
    os.chown(new, someone.uid, someone.gid)
    unpack(stream, new, tar=tar)
    assert portrait(new) == before


def rich_tree_of(user: User, top: Path) -> None:
    (top / "x1/below").mkdir(parents=True)
    (top / "x1/below/file").write_text("mine")
    for path in (top, *top.rglob("*")):
        path.chmod(0o700)
        os.chown(path, user.uid, user.gid)


@pytest.mark.root
def test_by_number_the_owner_is_nobody_known(data: Path, tmp_path: Path) -> None:
    (data / "x1/file").touch()
    os.chown(data / "x1/file", 54321, 54322)
    tar = Tar(None, machine=False)
    unpack(packed(data, tar=tar), tmp_path / "new", tar=tar)
    status = (tmp_path / "new/x1/file").stat()
    assert (status.st_uid, status.st_gid) == (54321, 54322)


@pytest.mark.root
@pytest.mark.parametrize(("machine", "owner"), [(True, 65534), (False, 4242)])
def test_names_of_owners_count_on_the_machine_only(
    tmp_path: Path, someone: User, machine: bool, owner: int
) -> None:
    named = header(b"x1/f", at={108: b"0010222\0", 265: someone.name.encode()})
    unpack(directory(b"x1") + named + END, tmp_path / "new", tar=Tar(None, machine=machine))
    assert (tmp_path / "new/x1/f").stat().st_uid == (someone.uid if machine else owner)


def test_tar_giving_up_on_the_way_in(data: Path, tmp_path: Path) -> None:
    stream = directory(b"x1") + member(b"x1/d", b"a") + member(b"x1/d/file", b"b") + member(b"x1/d/g") + END
    with pytest.raises(CommandError) as caught:
        unpack(stream, tmp_path / "new")
    assert (
        str(caught.value)
        == "cannot unpack archive: tar: x1/d/file: Cannot open: Not a directory (and 2 more)"
    )


@pytest.mark.root
def test_no_right_to_write_on_the_way_in(tmp_path: Path, someone: User) -> None:
    stream = directory(b"x1") + member(b"x1/file", b"a" * BIG) + END
    with pytest.raises(CommandError, match="x1: Cannot mkdir: Permission denied"):
        unpack(stream, tmp_path / "new", tar=Tar(someone))


def test_a_program_that_says_nothing(data: Path, tmp_path: Path) -> None:
    broken = Tar(ADA, effective_uid=0, find=lambda _name: "/bin/false")
    with pytest.raises(CommandError, match=r"^tar failed: exit status 1$"):
        packed(data, tar=broken)
    with pytest.raises(CommandError, match=r"^tar failed: exit status 1$"):
        unpack(directory(b"x1") + END, tmp_path / "new", tar=broken)


# -- stopping


def descriptors() -> list[str]:
    """The open files of this process, but for the one that lists them."""
    return [name for name in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{name}")]


def children() -> list[int]:
    path = f"/proc/self/task/{threading.get_native_id()}/children"
    return [int(word) for word in Path(path).read_text().split()]


@pytest.fixture
def tidy() -> Iterator[None]:
    """Nothing is left of what was run: no open file, no process, no thread."""
    before = descriptors(), children(), threading.active_count()
    yield
    assert (descriptors(), children(), threading.active_count()) == before


def users() -> list[object]:
    return [None, pytest.param("nobody", marks=pytest.mark.root)]


@pytest.mark.parametrize("switched", users())
@pytest.mark.usefixtures("tidy")
def test_a_stop_while_packing(data: Path, switched: str | None, someone: User) -> None:
    two_big_files(data)
    for path in (data / "x1", data / "x1/a", data / "x1/b"):
        path.chmod(0o777)
    progress = Progress()

    def stop(_read: bytes) -> None:
        progress.stop()

    with pytest.raises(Cancelled):
        Reading(data, Tar(someone if switched else None), progress).run(stop)
    assert str(data) not in places_of_running_tars()


def places_of_running_tars() -> str:
    """Where the tars that run on this machine work."""
    places = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "comm").read_text().strip() == "tar":
                places.append(os.readlink(process / "cwd"))
        except OSError:
            continue
    return "\n".join(places)


@pytest.mark.usefixtures("tidy")
def test_a_stop_from_elsewhere_while_tar_waits(data: Path, tmp_path: Path) -> None:
    """The chunks come from a source that never ends; only the stop ends it."""
    progress = Progress()
    chunks = 0

    def endless() -> Iterator[bytes]:
        nonlocal chunks
        yield directory(b"x1") + header(b"x1/file", size=1 << 40)
        while True:
            chunks += 1
            if chunks == 3:
                stopper = threading.Thread(target=progress.stop)
                stopper.start()
                stopper.join()
            yield bytes(1 << 16)

    with pytest.raises(Cancelled):
        unpack(endless(), tmp_path / "new", progress=progress)
    assert chunks == 3
    assert str(tmp_path) not in places_of_running_tars()


@pytest.fixture
def deaf(tmp_path: Path) -> Tar:
    """A program that neither reads nor writes, and has a child that holds on to its pipes."""
    script = tmp_path / "deaf"
    script.write_text("#!/bin/sh\nsleep 30 &\nwait\n")
    script.chmod(0o755)
    return Tar(ADA, effective_uid=0, find=lambda _name: str(script))


@pytest.mark.parametrize("packing", [True, False])
@pytest.mark.usefixtures("tidy")
def test_a_stop_ends_what_does_not_answer(data: Path, tmp_path: Path, deaf: Tar, packing: bool) -> None:
    began = time.monotonic()
    progress = Progress()
    stopper = threading.Thread(target=progress.stop)

    def chunks() -> Iterator[bytes]:
        stopper.start()
        yield directory(b"x1") + header(b"x1/a", size=BIG)
        yield bytes(BIG)

    reading = partial(Reading(data, deaf, progress).run, lambda _read: None, stopper.start)
    writing = partial(unpack, chunks(), tmp_path / "new", tar=deaf, progress=progress)
    with pytest.raises(Cancelled):
        (reading if packing else writing)()
    stopper.join()
    assert time.monotonic() - began < 20


@pytest.mark.usefixtures("tidy")
def test_stopped_before_the_start_nothing_runs(data: Path, tmp_path: Path) -> None:
    progress = Progress()
    progress.stop()
    with pytest.raises(Cancelled):
        packed(data, progress=progress)
    with pytest.raises(Cancelled):
        unpack(directory(b"x1") + END, tmp_path / "new", progress=progress)
    assert not portrait(tmp_path / "new")


@pytest.mark.usefixtures("tidy")
def test_an_error_of_the_source_ends_tar(tmp_path: Path) -> None:
    def failing() -> Iterator[bytes]:
        yield directory(b"x1")
        raise IntegrityError("the source is damaged")

    with pytest.raises(IntegrityError, match="the source is damaged"):
        unpack(failing(), tmp_path / "new")


@pytest.mark.usefixtures("tidy")
def test_an_error_of_the_sink_ends_tar(data: Path) -> None:
    two_big_files(data)

    def fail(_read: bytes) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Reading(data).run(fail)


@pytest.mark.usefixtures("tidy")
def test_refused_streams_leave_nothing_running(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError):
        unpack(directory(b"x1") + member(b"evil", b"x" * BIG), tmp_path / "new")
    assert list(portrait(tmp_path / "new")) in ([b"x1"], [])
