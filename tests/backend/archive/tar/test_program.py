"""The program tar as we run it: packing, unpacking, its words and its end."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.archive.tar.program import Tar, TarMessage, empty_archive, noise_of
from backend.errors import ChangedError, CommandError, NotAllowedError
from backend.model import User
from backend.progress import Event, Noted, Progress
from tests.support import rawtar
from tests.support.rawtar import END
from tests.support.tarworld import (
    ADA,
    BIG,
    X1,
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
ROOT = User("root", 0, 0, "/root")


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
