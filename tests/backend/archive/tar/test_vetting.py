import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.archive.tar import vetting
from backend.archive.tar.stream import FILE, TarMember
from backend.archive.tar.vetting import ExtractionFilter, contents, vet
from backend.errors import Cancelled, IntegrityError, SnapshotError
from backend.progress import Progress
from tests.support import rawtar
from tests.support.rawtar import END, directory, hard_link, header, link, long_name, member, pax, record
from tests.support.tarworld import X1, portrait, unpack


def judged(*streams: bytes, vetter: ExtractionFilter | None = None) -> ExtractionFilter:
    vetter = vetter or ExtractionFilter(X1)
    vet([b"".join(streams), END], vetter, Progress())
    return vetter


REFUSED = {
    "absolute": (member(b"/x1/a"), "/x1/a", "has an absolute name"),
    "absolute, with more slashes": (member(b"//etc/a"), "//etc/a", "has an absolute name"),
    "above": (member(b"../a"), "../a", 'has ".." in its name'),
    "above in the middle": (member(b"x1/../../a"), "x1/../../a", 'has ".." in its name'),
    "above, but inside": (member(b"x1/a/../b"), "x1/a/../b", 'has ".." in its name'),
    "above at the end": (directory(b"x1/.."), "x1/..", 'has ".." in its name'),
    "above in a long name": (
        long_name(b"x1/" + b"a/" * 99 + b"../b") + header(b"x1/a"),
        ("x1/" + "a/" * 99)[:59] + "…",
        'has ".." in its name',
    ),
    "above in PAX": (pax(record(b"path", b"x1/../b")) + header(b"x1/a"), "x1/../b", 'has ".." in its name'),
    "above in a prefix": (header(b"b", at={345: b"x1/.."}), "x1/../b", 'has ".." in its name'),
    "elsewhere": (member(b"etc/a"), "etc/a", "is outside of the revision and common directories"),
    "another revision": (directory(b"x2"), "x2", "is outside of the revision and common directories"),
    "nearly common": (member(b"common2/a"), "common2/a", "is outside of the revision and common directories"),
    "elsewhere by ./": (member(b"./etc/a"), "./etc/a", "is outside of the revision and common directories"),
    "file at the top": (member(b"common", b"a"), "common", "is not a directory"),
    "link at the top": (link(b"common", b"/etc"), "common", "is not a directory"),
    "link at the top by ./": (link(b"./common/", b"/etc"), "./common/", "is not a directory"),
    "FIFO at the top": (header(b"x1", b"6"), "x1", "is not a directory"),
    "hard link at the top": (hard_link(b"x1", b"common/a"), "x1", "is not a directory"),
    "no name": (member(b""), "", "has no name"),
    "nothing but dots": (member(b"./."), "./.", "has no name"),
    "hard link to absolute": (hard_link(b"x1/a", b"/etc/shadow"), "x1/a", "has an absolute name"),
    "hard link above": (hard_link(b"x1/a", b"../b"), "x1/a", 'has ".." in its name'),
    "hard link elsewhere": (hard_link(b"x1/a", b"etc/b"), "x1/a", "is outside of the revision"),
    "hard link to a top": (hard_link(b"x1/a", b"common"), "x1/a", "is a hard link to a directory"),
    "hard link to nothing": (hard_link(b"x1/a", b""), "x1/a", "has no name"),
    "long hard link above": (
        long_name(b"x1/" + b"b/" * 99 + b"../..", b"K") + hard_link(b"x1/a", b"x1/b"),
        "x1/a",
        'has ".." in its name',
    ),
    "above in a name that is too long": (
        long_name(b"x1/" + b"a/" * 2100 + b"../b") + header(b"x1/a"),
        ("x1/" + "a/" * 99)[:59] + "…",
        'has ".." in its name',
    ),
}


@pytest.mark.parametrize(("stream", "name", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_members_that_are_refused_by_name(stream: bytes, name: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(IntegrityError) as caught:
        judged(stream)
    assert str(caught.value).startswith(f'cannot unpack archive: member "{name}')
    assert why in str(caught.value)
    with pytest.raises(IntegrityError):
        unpack(directory(b"x1") + stream + END, tmp_path / "in/new")
    assert set(portrait(tmp_path)) <= {b"in", b"in/new", b"in/new/x1"}


LINKED = link(b"x1/l", b"/etc") + hard_link(b"x1/h", b"x1/l")
BELOW_A_LINK = {
    "a file": member(b"x1/l/a"),
    "far below": member(b"x1/l/a/b/c"),
    "with dots": member(b"./x1/./l/./a"),
    "with slashes": member(b"x1//l//a"),
    "a directory": directory(b"x1/l/"),
    "the link itself as a file": member(b"x1/l", b"a"),
    "the link itself as a FIFO": header(b"x1/l", b"6"),
    "the link itself as a device": header(b"x1/l", b"3"),
    "the link itself as a hard link": hard_link(b"x1/l", b"x1/file"),
    "through a hard link to it": member(b"x1/h/a"),
    "through a hard link to a hard link to it": hard_link(b"x1/i", b"./x1//h/") + member(b"x1/i/a"),
    "a hard link to below": hard_link(b"x1/a", b"x1/l/passwd"),
    "a hard link to below, with dots": hard_link(b"x1/a", b"./x1/l/./passwd"),
    "a link": link(b"x1/l/a", b"b"),
    "a hard link": hard_link(b"x1/l/a", b"x1/file"),
}


@pytest.mark.parametrize("stream", BELOW_A_LINK.values(), ids=BELOW_A_LINK.keys())
def test_nothing_is_written_through_a_link(stream: bytes) -> None:
    with pytest.raises(IntegrityError, match="would be written through a symbolic link"):
        judged(directory(b"x1"), member(b"x1/file"), LINKED, stream)


def test_links_are_remembered_beyond_what_fits_in_memory() -> None:
    with ExtractionFilter(X1) as vetter:
        vetter._links = vetting._Paths(cap=3)
        judged(*(link(b"x1/l%d" % number, b"/") for number in range(9)), vetter=vetter)
        for number in range(9):
            with pytest.raises(IntegrityError, match="symbolic link"):
                vetter(TarMember(b"x1/l%d/a" % number, FILE, 0, b"", 0, (0, 0), 0))
        assert vetter(TarMember(b"x1/l/a", FILE, 0, b"", 0, (0, 0), 0))
        assert vetter(TarMember(b"x1/l9/a", FILE, 0, b"", 0, (0, 0), 0))


def test_links_themselves_are_data(tmp_path: Path) -> None:
    stream = b"".join(
        (
            directory(b"./"),
            directory(b"./x1/"),
            link(b"x1/a", b"/etc"),
            link(b"x1/b", b"../../.."),
            link(b"x1/c", b"nowhere"),
            link(b"x1/c", b"elsewhere"),
            hard_link(b"x1/d", b"x1/a"),
            member(b"x1/..x"),
            END,
        )
    )
    unpack(stream, tmp_path)
    assert {path.name: os.readlink(path) for path in (tmp_path / "x1").iterdir() if path.is_symlink()} == {
        "a": "/etc",
        "b": "../../..",
        "c": "elsewhere",
        "d": "/etc",
    }


def device(name: bytes, kind: bytes, major: int, minor: int) -> bytes:
    return header(name, kind, at={329: b"%07o\0%07o\0" % (major, minor)})


DEVICES = (
    directory(b"x1")
    + device(b"x1/null", b"3", 1, 3)
    + device(b"x1/disk", b"4", 8, 0)
    + device(b"x1/block0", b"4", 0, 0)
    + device(b"x1/whiteout", b"3", 0, 0)
    + header(b"x1/fifo", b"6")
)


def test_devices_are_left_out_and_named() -> None:
    vetter = judged(DEVICES)
    assert vetter.devices.names == ("x1/null", "x1/disk", "x1/block0")
    assert vetter.devices.number == 3


def test_devices_pass_on_request() -> None:
    vetter = judged(DEVICES, vetter=ExtractionFilter(X1, devices=True))
    assert (vetter.devices.names, vetter.devices.number) == ((), 0)


def test_hard_links_to_a_device_that_is_left_out_are_left_out_as_well(tmp_path: Path) -> None:
    stream = DEVICES + hard_link(b"x1/same", b"./x1/disk") + member(b"x1/file", b"abc")
    vetter = ExtractionFilter(X1)
    unpack(stream + END, tmp_path, vetter)
    assert (vetter.devices.names[-1], vetter.devices.number) == ("x1/same", 4)
    assert (tmp_path / "x1/file").read_bytes() == b"abc"
    assert contents([stream + END], X1, Progress()).devices_met == 4


def long_path(length: int) -> bytes:
    return (b"x1/" + (b"a" * 199 + b"/") * 21)[: length - 1] + b"f"


def test_paths_that_no_call_takes_are_left_out_and_named_and_the_longest_that_is_taken_is_unpacked(
    tmp_path: Path,
) -> None:
    too_long, longest = long_path(4096), long_path(4095)
    stream = (
        directory(b"x1")
        + member(b"x1/before", b"abc")
        + long_name(too_long)
        + member(b"x", b"lost")
        + long_name(longest)
        + member(b"x", b"kept")
        + long_name(too_long[:-1] + b"d/")
        + directory(b"x")
        + long_name(too_long, b"K")
        + hard_link(b"x1/same", b"x")
        + long_name(longest[:-1] + b"d/")
        + directory(b"x")
        + member(b"x1/after", b"abc")
        + END
    )
    vetter = ExtractionFilter(X1)
    unpack(stream, tmp_path, vetter)
    assert vetter.too_long.number == 3
    assert vetter.too_long.names[2] == "x1/same"
    assert all(len(name) <= 120 and name.startswith("x1/") for name in vetter.too_long.names)
    assert {path.name for path in (tmp_path / "x1").iterdir()} == {"before", "after", "a" * 199}
    held = contents([stream], X1, Progress())
    assert (held.too_long_met, held.files) == (3, 3)


def test_a_name_of_a_megabyte_is_judged_at_once() -> None:
    stream = link(b"x1/l", b"/") + long_name(b"x1/" + b"a/" * 500_000 + b"f") + member(b"x")
    assert judged(stream).too_long.number == 1


def test_only_some_devices_are_named() -> None:
    vetter = judged(directory(b"x1"), *(device(b"x1/%d" % number, b"3", 1, number) for number in range(99)))
    assert (len(vetter.devices.names), vetter.devices.number) == (20, 99)


@pytest.mark.root
@pytest.mark.parametrize(("devices", "names"), [(False, ["fifo", "whiteout"]), (True, None)])
def test_devices_on_disk(tmp_path: Path, devices: bool, names: list[str] | None) -> None:
    unpack(DEVICES + END, tmp_path, ExtractionFilter(X1, devices=devices))
    file_names = sorted(path.name for path in (tmp_path / "x1").iterdir())
    assert file_names == (names or ["block0", "disk", "fifo", "null", "whiteout"])


def test_vetted_bytes_are_counted() -> None:
    vetter = judged(directory(b"x1"), member(b"x1/a", b"abc"), member(b"x1/b", b"x" * 600))
    assert vetter.unpacked == 603


def test_vetting_can_be_stopped() -> None:
    progress = Progress()
    progress.stop()
    with pytest.raises(Cancelled):
        vet([directory(b"x1"), END], ExtractionFilter(X1), progress)


# -- whatever an attacker writes

PARTS = [b"x1", b"common", b"a", b"b", b"l", b".", b"", b"..", b"evil"]
NAMES = st.one_of(
    st.sampled_from([b"x1/a", b"x1/b", b"x1/l", b"x1/a/b", b"common/l", b"common/l/a", b"common/b/", b"x1"]),
    st.lists(st.sampled_from(PARTS), min_size=1, max_size=4).map(b"/".join),
)
TARGETS = st.one_of(NAMES, st.sampled_from([b"../../canary", b"@/canary", b"/", b".", b"../l"]))
OFFSETS = st.sampled_from([0, 100, 124, 135, 136, 156, 157, 257, 263, 329, 345, 386, 398, 475, 482, 483, 500])
VALUES = st.one_of(
    st.binary(min_size=1, max_size=3),
    st.sampled_from(
        [b"\x80" + bytes(10) + b"\2", b"00000001000\0", rawtar.USTAR, rawtar.GNU, b"../canary/x"]
    ),
)
SMUGGLED = rawtar.directory(b"evil") + link(b"x1/l", b"../../canary") + member(b"x1/l/written", b"!")


@st.composite
def preludes(draw: st.DrawFn) -> bytes:
    kind = draw(st.sampled_from([b"", b"", b"", b"L", b"K", b"x", b"g"]))
    if kind in (b"L", b"K"):
        end = draw(st.sampled_from([b"\0", b"", b"\0evil"]))
        return member(b"././@LongLink", draw(NAMES) + end, kind, magic=rawtar.GNU)
    if kind:
        keys = st.sampled_from([b"path", b"linkpath", b"size", b" path", b"GNU.sparse.size", b"comment"])
        values = st.one_of(NAMES, st.sampled_from([b"0", b"512", b"3"]))
        return pax(*draw(st.lists(st.builds(record, keys, values), min_size=1, max_size=2)), kind=kind)
    return b""


@st.composite
def attacks(draw: st.DrawFn) -> bytes:
    """A member, mostly sound, with whatever precedes it."""
    kind = draw(st.sampled_from([b"0", b"0", b"\0", b"1", b"2", b"2", b"3", b"5", b"5", b"6", b"7", b"S"]))
    data = draw(st.sampled_from([b"", b"", b"abc", bytes(512), SMUGGLED]))
    if kind in (b"1", b"2", b"3", b"5", b"6"):
        data = draw(st.sampled_from([b"", b"", b"", data]))
    magic = draw(st.sampled_from([rawtar.USTAR, rawtar.GNU, rawtar.V7]))
    target = draw(TARGETS) if kind in (b"1", b"2") else b""
    block = bytearray(header(draw(NAMES), kind, len(data), target, magic=magic))
    for offset, value in draw(st.lists(st.tuples(OFFSETS, VALUES), max_size=2)):
        block[offset : offset + len(value)] = value
    return draw(preludes()) + rawtar.signed(bytes(block[:512])) + rawtar.padded(data)


class Watching(ExtractionFilter):
    """Remembers what it let pass, as paths without dots."""

    def __init__(self) -> None:
        super().__init__(X1, devices=True)
        self.passed: set[bytes] = set()

    def __call__(self, member: TarMember) -> bool:
        passes = super().__call__(member)
        if passes:
            parts = [part for part in member.name.split(b"/") if part not in (b"", b".")]
            self.passed.update(b"/".join(parts[: depth + 1]) for depth in range(len(parts)))
        return passes


def alone(stream: bytes, top: Path) -> None:
    """What GNU tar makes of a stream without us."""
    top.mkdir()
    command = ["tar", "--extract", "--preserve-permissions", "--file=-"]
    subprocess.run(command, cwd=top, input=stream, capture_output=True, check=False, env={"LC_ALL": "C"})


@given(
    stream=st.lists(attacks(), min_size=1, max_size=5).map(b"".join),
    ending=st.sampled_from([b"", bytes(512), END]),
    step=st.sampled_from([1 << 20, 700, 7]),
)
def test_nothing_but_what_was_vetted_is_ever_written(
    tmp_path_factory: pytest.TempPathFactory, stream: bytes, ending: bytes, step: int
) -> None:
    top = tmp_path_factory.mktemp("attack")
    (top / "canary").mkdir()
    (top / "canary/file").write_text("untouched")
    canary = portrait(top / "canary")
    stream = (directory(b"x1") + stream + ending).replace(b"@/canary", b"/canary")
    vetter = Watching()
    try:
        unpack((stream[at : at + step] for at in range(0, len(stream), step)), top / "in/here", vetter)
    except SnapshotError:
        pass
    else:
        alone(stream, top / "alone")
        names = set(portrait(top / "in/here"))
        assert names == vetter.passed == set(portrait(top / "alone"))
    assert set(portrait(top / "in")) - {b"here"} <= {b"here/" + name for name in vetter.passed}
    assert portrait(top / "canary") == canary
    assert set(os.listdir(top)) <= {"canary", "in", "alone"}
