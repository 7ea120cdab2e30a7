import os
import pwd
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from backend.archive.tar.program import Tar, TarMessage, empty_archive, noise_of
from backend.archive.tar.vetting import ExtractionFilter
from backend.errors import Cancelled, ChangedError, CommandError, IntegrityError, NotAllowedError
from backend.fs import files
from backend.model import Revision, User
from backend.progress import Event, Noted, Progress
from tests.support import rawtar
from tests.support.rawtar import END, directory, header, member

X1 = Revision(-1)
ADA = User("ada", 1001, 1001, "/home/ada")
ROOT = User("root", 0, 0, "/root")
BIG = 8 << 20


@pytest.fixture
def someone() -> User:
    """A user without any rights to what root made."""
    account = pwd.getpwnam("nobody")
    return User(account.pw_name, account.pw_uid, account.pw_gid, account.pw_dir)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data of a snap, in directories that only their owner may enter."""
    top = tmp_path / "data"
    (top / "x1").mkdir(parents=True)
    (top / "common").mkdir()
    return top


def packed(
    top: Path,
    names: Sequence[str] = ("x1", "common"),
    excludes: Sequence[str] = (),
    tar: Tar | None = None,
    progress: Progress | None = None,
) -> bytes:
    """The archive of a directory."""
    out = bytearray()
    buffer = memoryview(bytearray(1 << 20))
    with (
        files.opened(str(top), files.DIRECTORY) as fd,
        (tar or Tar(None)).pack(fd, names, excludes, progress or Progress()) as fill,
    ):
        while count := fill(buffer):
            out += buffer[:count]
    return bytes(out)


def unpack(
    stream: bytes | Iterator[bytes],
    top: Path,
    vetter: ExtractionFilter | None = None,
    tar: Tar | None = None,
    progress: Progress | None = None,
) -> ExtractionFilter:
    """Unpack an archive of revision x1 into a directory, which is made."""
    top.mkdir(parents=True, exist_ok=True)
    vetter = vetter or ExtractionFilter(X1)
    chunks = [stream] if isinstance(stream, bytes) else stream
    with files.opened(str(top), files.DIRECTORY) as fd:
        (tar or Tar(None)).unpack(fd, chunks, vetter, progress or Progress())
    return vetter


def portrait(top: Path) -> dict[bytes, tuple[object, ...]]:
    """All below a directory, with everything that an archive keeps; files of one inode share a number."""
    entries: dict[bytes, tuple[object, ...]] = {}
    inodes: dict[int, int] = {}
    for folder, folders, names in os.walk(os.fsencode(top)):
        for path in sorted(os.path.join(folder, name) for name in folders + names):
            seen = os.lstat(path)
            content: object = None
            if stat.S_ISLNK(seen.st_mode):
                content = os.readlink(path)
            elif stat.S_ISREG(seen.st_mode):
                content = Path(os.fsdecode(path)).read_bytes()
            same = inodes.setdefault(seen.st_ino, len(inodes))
            mtime = None if stat.S_ISLNK(seen.st_mode) else int(seen.st_mtime)
            name = os.path.relpath(path, os.fsencode(top))
            entries[name] = (seen.st_mode, seen.st_uid, seen.st_gid, mtime, same, seen.st_rdev, content)
    return entries


# -- the command line


def found_at(*programs: str) -> dict[str, str]:
    return {program: f"/sbin/{program}" for program in programs}


SWITCHED = [
    (["runuser", "sudo", "setpriv"], True, ["/sbin/runuser", "-u", "ada", "--", "tar"]),
    (["sudo", "setpriv"], True, ["/sbin/sudo", "-u", "ada", "--", "tar"]),
    (["setpriv"], True, ["/sbin/setpriv", "--reuid=1001", "--regid=1001", "--clear-groups", "--", "tar"]),
    (
        ["runuser", "sudo", "setpriv"],
        False,
        ["/sbin/setpriv", "--reuid=1001", "--regid=1001", "--clear-groups", "--", "tar"],
    ),
]


@pytest.mark.parametrize(("programs", "machine", "wanted"), SWITCHED)
def test_root_runs_tar_as_the_user(programs: list[str], machine: bool, wanted: list[str]) -> None:
    find = found_at(*programs).get
    command = Tar(ADA, machine=machine, effective_uid=0, find=find).command("--create", "x")
    assert command == [*wanted, "--create", "x", *([] if machine else ["--numeric-owner"])]


@pytest.mark.parametrize(("programs", "machine"), [([], True), (["runuser", "sudo"], False)])
def test_without_a_way_to_switch_root_refuses(programs: list[str], machine: bool) -> None:
    with pytest.raises(NotAllowedError, match="cannot act as user ada"):
        Tar(ADA, machine=machine, effective_uid=0, find=found_at(*programs).get)


@pytest.mark.parametrize(
    ("user", "uid"), [(None, 0), (None, 1001), (ROOT, 0), (ROOT, 1001), (ADA, 1001), (ADA, 1002)]
)
def test_nobody_else_switches(user: User | None, uid: int) -> None:
    def find(program: str) -> str | None:
        raise AssertionError(f"looked for {program}")

    assert Tar(user, effective_uid=uid, find=find).command("-x") == ["tar", "-x"]
    assert Tar(user, machine=False, effective_uid=uid, find=find).command("-x") == [
        "tar",
        "-x",
        "--numeric-owner",
    ]


# -- what tar says


@pytest.mark.parametrize(
    ("line", "noise"),
    [
        ("tar: x1/run/bus: socket ignored", TarMessage.HARMLESS),
        ("tar: x1/door: door ignored", TarMessage.HARMLESS),
        ("tar: x1/mnt: file is on a different filesystem; not dumped", TarMessage.HARMLESS),
        ("tar: Removing leading `/' from member names", TarMessage.HARMLESS),
        ("tar: Record size = 8 blocks", TarMessage.HARMLESS),
        ("tar: x1/a: time stamp 2040-01-01 00:00:00 is 4.2 s in the future", TarMessage.HARMLESS),
        ("tar: Exiting with failure status due to previous errors", TarMessage.HARMLESS),
        ("tar: x1/a: file changed as we read it", TarMessage.CHANGED),
        ("tar: x1/a: File removed before we read it", TarMessage.CHANGED),
        ("tar: x1/a: File shrank by 12 bytes; padding with zeros", TarMessage.CHANGED),
        ("tar: x1/a: Cannot open: Permission denied", TarMessage.FATAL),
        ("tar: x1/a: Read error at byte 0, while reading 10240 bytes: Input/output error", TarMessage.FATAL),
        ("tar: x1/a: file changed as we read it, and more", TarMessage.FATAL),
        ("runuser: user ada does not exist", TarMessage.FATAL),
        ("", TarMessage.FATAL),
    ],
)
def test_noise_of_tar_is_told_from_errors(line: str, noise: TarMessage) -> None:
    assert noise_of(line) is noise


# -- out and in again


def rich_tree(top: Path) -> None:
    """One of everything that data directories hold."""
    x1, common = top / "x1", top / "common"
    (x1 / "plain").write_bytes(b"plain")
    (x1 / "empty").touch()
    (x1 / "mode").write_bytes(b"")
    (x1 / "mode").chmod(0o4751)
    (x1 / "closed").mkdir(mode=0o700)
    (x1 / "hard").hardlink_to(x1 / "plain")
    (x1 / "relative").symlink_to("plain")
    (x1 / "above").symlink_to("../common/../x1/plain")
    (x1 / "absolute").symlink_to("/etc/passwd")
    (x1 / "dangling").symlink_to("nowhere")
    os.link(x1 / "dangling", x1 / "same link", follow_symlinks=False)
    os.mkfifo(x1 / "fifo")
    (common / ("n" * 255)).write_bytes(b"long")
    deep = common.joinpath(*["directory with a long name"] * 12)
    deep.mkdir(parents=True)
    (deep / "-- *?[x] \\ \n \t name").write_bytes(b"odd")
    Path(os.fsdecode(os.fsencode(common) + b"/\xff\xfe")).write_bytes(b"not UTF-8")
    (common / "long link").symlink_to("l" * 300)
    with (common / "sparse").open("wb") as file:
        for piece in range(40):
            file.seek(piece << 17)
            file.write(b"piece")
        file.truncate(BIG)


def test_everything_comes_back_as_it_was(data: Path, tmp_path: Path) -> None:
    rich_tree(data)
    before = portrait(data)
    stream = packed(data)
    unpack(stream, tmp_path / "new")
    assert portrait(tmp_path / "new") == before
    assert len(stream) < BIG
    assert (tmp_path / "new/common/sparse").stat().st_blocks * 512 < BIG


def test_sockets_are_left_out_and_told(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data)  # the address of a socket must be short
    events: list[Event] = []
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("x1/bus")
        (data / "x1/file").touch()
        stream = packed(data, progress=Progress(events.append))
    unpack(stream, tmp_path / "new")
    assert sorted(portrait(tmp_path / "new")) == [b"common", b"x1", b"x1/file"]
    notes = [event.text for event in events if isinstance(event, Noted)]
    assert notes == ["1 harmless notices of tar, e.g. tar: x1/bus: socket ignored"]


def test_excluded_data_stay_out(data: Path) -> None:
    for name in ("x1/a.log", "x1/a.txt", "common/a.log"):
        (data / name).touch()
    stream = packed(data, excludes=["x1/*.log", "common"])
    assert b"x1/a.txt" in stream
    assert b".log" not in stream


def test_a_name_is_never_taken_for_an_option(data: Path, tmp_path: Path) -> None:
    (data / "--help").mkdir()
    assert packed(data, ["--help"]).startswith(b"--help/\0")


def test_the_archive_is_of_gnu_format_and_whole(data: Path) -> None:
    stream = packed(data)
    assert stream[257:265] == rawtar.GNU
    assert stream.endswith(END)
    assert len(stream) % 512 == 0


def test_an_archive_of_nothing(tmp_path: Path) -> None:
    stream = empty_archive(X1)
    unpack(stream, tmp_path / "new")
    assert list(portrait(tmp_path / "new")) == [b"x1"]


def test_bytes_are_counted_both_ways(data: Path, tmp_path: Path) -> None:
    class Counting(Progress):
        counted = 0

        def advance(self, amount: int) -> None:
            self.counted += amount

    out, back = Counting(), Counting()
    stream = packed(data, progress=out)
    unpack(stream, tmp_path / "new", progress=back)
    assert out.counted == back.counted == len(stream)


# -- data that change while they are read


class Reading:
    """Reads an archive in steps, so that data can be changed while tar waits in the middle of a file."""

    def __init__(self, top: Path, tar: Tar | None = None, progress: Progress | None = None) -> None:
        self._top = top
        self._tar = tar or Tar(None)
        self._progress = progress or Progress()
        self.read = bytearray()

    def run(self, change: Callable[[bytes], object], begin: Callable[[], object] = lambda: None) -> None:
        """Begin, read, call `change` with the beginning while tar waits for the rest to be read, read on."""
        buffer = memoryview(bytearray(4096))
        with (
            files.opened(str(self._top), files.DIRECTORY) as fd,
            self._tar.pack(fd, ["x1"], [], self._progress) as fill,
        ):
            begin()
            while len(self.read) < 16384:
                self.read += buffer[: fill(buffer)]
            change(bytes(self.read))
            while count := fill(buffer):
                self.read += buffer[:count]


def two_big_files(data: Path) -> None:
    for name in ("a", "b"):
        (data / "x1" / name).write_bytes(name.encode() * BIG)


def grow(data: Path, read: bytes) -> str:
    """Let the file that tar is reading grow."""
    name = "a" if b"x1/a\0" in read else "b"
    with (data / "x1" / name).open("ab") as file:
        file.write(b"more")
    return f"tar: x1/{name}: file changed as we read it"


def shrink(data: Path, read: bytes) -> str:
    """Truncate the file that tar is reading."""
    name = "a" if b"x1/a\0" in read else "b"
    os.truncate(data / "x1" / name, BIG // 2)
    return f"tar: x1/{name}: File shrank by {BIG // 2} bytes; padding with zeros"


def vanish(data: Path, read: bytes) -> str:
    """Remove the file that tar will read next."""
    name = "b" if b"x1/a\0" in read else "a"
    (data / "x1" / name).unlink()
    return f"tar: x1/{name}: File removed before we read it"


@pytest.mark.parametrize("change", [grow, shrink, vanish])
def test_a_change_while_reading_is_told_apart(data: Path, change: Callable[[Path, bytes], str]) -> None:
    two_big_files(data)
    expected: list[str] = []
    reading = Reading(data)
    with pytest.raises(ChangedError, match=r"^cannot create archive:") as caught:
        reading.run(lambda read: expected.append(change(data, read)))
    assert expected[0] in caught.value.fatal
    assert all(noise_of(line) is TarMessage.CHANGED for line in caught.value.fatal)
    assert bytes(reading.read).endswith(END)


@pytest.mark.root
def test_a_change_does_not_hide_a_failure(data: Path, someone: User) -> None:
    two_big_files(data)
    for path in (data, data / "x1", data / "x1/a", data / "x1/b"):
        os.chown(path, someone.uid, someone.gid)
    (data / "x1/secret").touch(mode=0o600)
    with pytest.raises(CommandError) as caught:
        Reading(data, Tar(someone)).run(lambda read: grow(data, read))
    assert not isinstance(caught.value, ChangedError)
    assert caught.value.fatal == ("tar: x1/secret: Cannot open: Permission denied",)


# -- failures of tar


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
