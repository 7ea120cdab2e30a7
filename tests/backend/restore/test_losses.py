import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from backend.archive.tar.program import Tar
from backend.archive.tar.stream import TarFilter, TarMember
from backend.errors import InvalidInputError
from backend.format import excludes
from backend.fs import files
from backend.host.layout import Layout
from backend.model import ARCHIVE, Revision, Snapshot
from backend.progress import Progress
from backend.restore.impact import losses
from backend.restore.plan import Losses
from tests.support.fakes import stops

PAST, FUTURE = "1970-01-02T00:00:00Z", "2100-01-01T00:00:00Z"
X1 = Revision(-1)


def snapshot(patterns: Sequence[str] = (), when: str = FUTURE) -> Snapshot:
    return Snapshot(1, when, "hello", X1, exclude=tuple(patterns))


def lost(top: Path, patterns: Sequence[str] = (), when: str = FUTURE, entry: str = ARCHIVE) -> Losses:
    """What replacing the directories of `top` would lose."""
    replaced = [str(path) for path in sorted(top.iterdir()) if path.is_dir()]
    return losses(snapshot(patterns, when), Layout(str(top / "no root")), entry, replaced)


def plant(top: Path, *names: str) -> None:
    for name in names:
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("12345")


def excluded(top: Path, patterns: Sequence[str], entry: str = ARCHIVE) -> set[str]:
    return {os.path.relpath(path, top) for path in lost(top, patterns, entry=entry).examples}


# -- newer files


def test_files_newer_than_the_snapshot(tmp_path: Path) -> None:
    plant(tmp_path, "x1/old", "x1/new", "common/sub/new")
    os.utime(tmp_path / "x1/old", (100, 100))
    loss = lost(tmp_path, when=PAST)
    assert (loss.newer_files, loss.newer_bytes, loss.excluded_files) == (2, 10, 0)
    assert sorted(loss.examples) == [f"{tmp_path}/common/sub/new", f"{tmp_path}/x1/new"]
    assert lost(tmp_path) == Losses(live_files=3, live_bytes=15)


def test_a_fraction_of_a_second_counts(tmp_path: Path) -> None:
    plant(tmp_path, "x1/a", "x1/b")
    for name, more in (("a", 400_000_000), ("b", 600_000_000)):
        os.utime(tmp_path / "x1" / name, ns=(0, 86400 * 10**9 + more))
    assert lost(tmp_path, when="1970-01-02T00:00:00.5Z").newer_files == 1


def test_newer_and_excluded_counts_once(tmp_path: Path) -> None:
    plant(tmp_path, "x1/a")
    loss = lost(tmp_path, ["$SNAP_DATA/a"], PAST)
    assert (loss.newer_files, loss.excluded_files, loss.excluded_bytes, loss.files) == (0, 1, 5, 1)


def test_links_and_fifos_count_and_are_not_followed(tmp_path: Path) -> None:
    plant(tmp_path, "x1/a")
    (tmp_path / "x1/link").symlink_to("/etc")
    os.mkfifo(tmp_path / "x1/fifo")
    assert lost(tmp_path, when=PAST).newer_files == 3


def test_everything_there_is_measured_as_an_undo_would_hold_it(tmp_path: Path) -> None:
    plant(tmp_path, "x1/old", "common/new")
    with open(tmp_path / "common/hole", "wb") as hole:
        hole.truncate(1 << 30)
    loss = lost(tmp_path, ["$SNAP_DATA/old"])
    assert (loss.live_files, loss.live_bytes, loss.files) == (3, 10, 1)


def test_loss_scan_can_be_cancelled_anywhere(tmp_path: Path) -> None:
    plant(tmp_path, *(f"x1/{number}/file" for number in range(20)))
    layout, top = Layout(str(tmp_path / "no root")), str(tmp_path / "x1")
    moments = list(stops(lambda job: losses(snapshot(), layout, ARCHIVE, [top], progress=job)))
    assert len(moments) > 40


def test_some_are_named_all_are_counted(tmp_path: Path) -> None:
    plant(tmp_path, *(f"x1/{number}" for number in range(50)))
    loss = lost(tmp_path, when=PAST)
    assert (loss.files, len(loss.examples)) == (50, 20)


def test_directories_that_are_links_or_gone_are_passed_over(tmp_path: Path) -> None:
    plant(tmp_path, "elsewhere/a")
    (tmp_path / "x1").symlink_to("elsewhere")
    replaced = [str(tmp_path / "x1"), str(tmp_path / "common")]
    assert losses(snapshot(when=PAST), Layout(str(tmp_path)), ARCHIVE, replaced) == Losses()


# -- patterns

TREE = (
    "x1/a.txt",
    "x1/.hidden",
    "x1/cache/one",
    "x1/cache/sub/two",
    "x1/sub/a.txt",
    "x1/sub/pic.gif",
    "x1/sub/deep/pic.gif",
    "x1/common/foo",
    "x1/a.TXT",
    "x1/back\\slash",
    "x1/st*r",
    "x1/stir",
    "x1/a.b.a",
    "x1/line\nbreak",
    "x1/cache/line\nbreak",
    "common/foo",
    "common/food",
)
# What tar leaves out for a pattern, row by row.
ROWS: list[tuple[str, set[str]]] = [
    ("$SNAP_DATA/cache/*", {"x1/cache/one", "x1/cache/sub/two", "x1/cache/line\nbreak"}),
    ("$SNAP_DATA/*", {name for name in TREE if name.startswith("x1/")}),
    ("$SNAP_DATA", {name for name in TREE if name.startswith("x1/")}),
    ("$SNAP_DATA/*.txt", {"x1/a.txt"}),
    ("$SNAP_DATA/*/*.gif", {"x1/sub/pic.gif"}),
    ("$SNAP_DATA/c*", {name for name in TREE if name.startswith("x1/c")}),
    ("$SNAP_COMMON/foo", {"common/foo"}),
    ("$SNAP_DATA/s*b/*", {"x1/sub/a.txt", "x1/sub/pic.gif", "x1/sub/deep/pic.gif"}),
    ("$SNAP_DATA/A.TXT", set()),
    ("$SNAP_DATA/back\\\\slash", {"x1/back\\slash"}),
    ("$SNAP_DATA/st\\*r", {"x1/st*r"}),
    ("$SNAP_DATA/st*r", {"x1/st*r", "x1/stir"}),
    ("$SNAP_DATA/*a*b*a", {"x1/a.b.a"}),
    ("$SNAP_USER_DATA/*", set()),
    ("$SNAP_USER_COMMON", set()),
]


@pytest.mark.parametrize(("pattern", "wanted"), ROWS)
def test_the_patterns_of_the_specification(tmp_path: Path, pattern: str, wanted: set[str]) -> None:
    plant(tmp_path, *TREE)
    assert excluded(tmp_path, [pattern]) == wanted
    assert left_out_by_tar(tmp_path, [pattern]) == wanted


def test_variables_of_users_in_their_archives(tmp_path: Path) -> None:
    plant(tmp_path, "x1/a", "common/a")
    patterns = ["$SNAP_USER_DATA/a", "$SNAP_COMMON/a"]
    assert excluded(tmp_path, patterns, "user/ada.tgz") == {"x1/a"}
    assert excluded(tmp_path, patterns) == {"common/a"}


def test_another_revision_is_excluded_as_the_one_saved(tmp_path: Path) -> None:
    plant(tmp_path, "x7/a")
    assert excluded(tmp_path, ["$SNAP_DATA/a"]) == {"x7/a"}


def left_out_by_tar(top: Path, patterns: Sequence[str]) -> set[str]:
    """The files that the real tar does not save."""
    saved: set[str] = set()

    def judge(member: TarMember) -> bool:
        saved.add(member.text)
        return True

    stream = TarFilter(judge, lambda _passed: None)
    buffer = memoryview(bytearray(1 << 18))
    expanded = excludes.expand(patterns, X1, system=True)
    with (
        files.opened(str(top), files.DIRECTORY) as fd,
        Tar(None).pack(fd, ["x1", "common"], expanded, Progress()) as fill,
    ):
        while count := fill(buffer):
            stream.feed(bytes(buffer[:count]))
    everything = {
        os.path.relpath(os.path.join(at, name), top) for at, _, names in os.walk(top) for name in names
    }
    return everything - saved


LETTERS = "ab.A*\\\n-é\udcff"
NAMES = st.text(st.sampled_from(LETTERS), min_size=1, max_size=4).filter(lambda name: name not in (".", ".."))
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
PATTERNS = st.builds(
    "{}/{}".format,
    st.sampled_from(["$SNAP_DATA", "$SNAP_COMMON"]),
    st.lists(st.text(st.sampled_from("ab.*\\-é\udcff"), min_size=1, max_size=5), min_size=1, max_size=3).map(
        "/".join
    ),
)


@example(paths=["x1/a/\\", "x1/a/b"], patterns=["$SNAP_DATA/*/\\"])
@example(paths=["x1/a/\\", "x1/a/b"], patterns=["$SNAP_DATA/*/\\\\", "$SNAP_DATA/a/\\"])
@given(
    paths=st.lists(st.builds("{}/{}".format, st.sampled_from(["x1", "common"]), PATHS), max_size=9),
    patterns=st.lists(PATTERNS, min_size=1, max_size=3),
)
def test_tar_is_of_the_same_opinion(
    tmp_path_factory: pytest.TempPathFactory, paths: list[str], patterns: list[str]
) -> None:
    try:
        excludes.validate_excludes(patterns)
    except InvalidInputError:
        assume(False)
    top = tmp_path_factory.mktemp("opinion")
    for name in ("x1", "common"):
        (top / name).mkdir()
    for path in paths:
        try:
            plant(top, path)
        except OSError:
            continue  # a file is where this one wants a directory, or the other way round
    assert excluded(top, patterns) == left_out_by_tar(top, patterns)


def test_no_pattern_is_slow_to_match(tmp_path: Path) -> None:
    plant(tmp_path, "x1/" + "a" * 250)
    hostile = ["$SNAP_DATA/" + "*a" * 100 + "b", "$SNAP_DATA/" + "*aa" * 60 + "b*c"]
    began = time.process_time()
    assert excluded(tmp_path, hostile) == set()
    assert time.process_time() - began < 5


# -- patterns that the installed snap ships


def installed(root: Path, manifest: str) -> Layout:
    meta = root / "snap/hello/x1/meta"
    meta.mkdir(parents=True)
    (meta / "snap.yaml").write_text("name: hello\nversion: 1.0\n")
    (meta / "snapshots.yaml").write_text(manifest)
    (root / "snap/hello/current").symlink_to("x1")
    return Layout(str(root))


@pytest.mark.parametrize(
    ("manifest", "wanted"),
    [("exclude: [$SNAP_DATA/static]", 2), ("exclude: [$OTHER]", 1), ("][", 1), ("exclude: []", 1)],
)
def test_exclusions_of_the_snap_count_as_losses(tmp_path: Path, manifest: str, wanted: int) -> None:
    layout = installed(tmp_path / "root", manifest)
    assert layout.installed("hello") is not None
    plant(tmp_path, "x1/static", "x1/dynamic", "x1/kept")
    loss = losses(snapshot(["$SNAP_DATA/dynamic"]), layout, ARCHIVE, [str(tmp_path / "x1")])
    assert loss.excluded_files == wanted
