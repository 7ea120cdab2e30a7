import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import Cancelled, ConflictError, InvalidInputError, NotAllowedError, NotFoundError
from backend.fs.removal import remove_tree
from backend.fs.space import Measured, measure
from backend.host.layout import Layout
from backend.progress import Progress
from backend.save.estimate import estimate_size
from tests.support.descriptors import descriptors

DEPTH = 1500


class WatchedJob(Progress):
    """Calls `watch` whenever bytes are counted."""

    def __init__(self, watch: Callable[[], None]) -> None:
        super().__init__()
        self._watch = watch

    def advance(self, amount: int) -> None:
        super().advance(amount)
        self._watch()


def open_descriptors() -> int:
    return len(descriptors())


def write(path: Path, size: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    return path


def test_regular_files_count_with_their_apparent_size_and_links_do_not(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside" / "big", 5000)
    top = tmp_path / "top"
    kept = write(top / "a" / "kept", 100)
    write(top / "b" / "c" / "empty", 0)
    os.link(kept, top / "twin")
    os.symlink(outside, top / "link")
    os.symlink(outside.parent, top / "folder")
    os.symlink("loop", top / "loop")
    os.mkfifo(top / "fifo")
    sparse = write(top / "sparse", 0)
    os.truncate(sparse, 10 << 20)
    usage = measure([str(top)])
    assert (usage.apparent, usage.files) == (100 + 100 + (10 << 20), 4)
    assert usage.allocated == 200


def test_roots_that_are_no_directories_add_nothing(tmp_path: Path) -> None:
    file = write(tmp_path / "file", 10)
    os.symlink(tmp_path, tmp_path / "link")
    roots = [str(tmp_path / name) for name in ("missing", "file", "link", "file/below")]
    assert measure(roots) == measure([]) == Measured(0, 0, 0)
    assert measure([str(tmp_path), str(tmp_path)]).apparent == 2 * file.stat().st_size


TREES = st.recursive(
    st.integers(0, 3000),
    lambda below: st.dictionaries(st.sampled_from("abcdef"), below, max_size=4),
    max_leaves=20,
)


def build(path: Path, tree: object) -> int:
    if isinstance(tree, int):
        write(path, tree)
        return tree
    assert isinstance(tree, dict)
    path.mkdir(parents=True)
    return sum(build(path / name, below) for name, below in tree.items())


@given(tree=st.dictionaries(st.sampled_from("abcdef"), TREES, max_size=5))
def test_size_of_any_tree_is_the_sum_of_its_files(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, object]
) -> None:
    top = tmp_path_factory.mktemp("tree") / "top"
    size = build(top, tree)
    assert measure([str(top)]).apparent == size


def deep_tree(top: Path) -> None:
    """A chain of directories longer than any path may be, with a file and a side branch at each step."""
    fd = os.open(top, os.O_RDONLY)
    for _ in range(DEPTH):
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
        os.truncate(f"/proc/self/fd/{fd}/file", 3)
        os.mkdir("side", dir_fd=fd)
        os.mkdir("deeper", dir_fd=fd)
        below = os.open("deeper", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)


@pytest.mark.slow
def test_a_tree_of_any_depth_is_measured_with_few_descriptors(tmp_path: Path) -> None:
    deep_tree(tmp_path)
    before = open_descriptors()
    most = 0

    def watch() -> None:
        nonlocal most
        most = max(most, len(os.listdir("/proc/self/fd")))

    try:
        assert measure([str(tmp_path)], WatchedJob(watch)).apparent == 3 * DEPTH
        assert most - before < 50
        assert open_descriptors() == before
    finally:
        for name in ("deeper", "side", "file"):
            remove_tree(str(tmp_path / name))


def test_a_deep_directory_moved_meanwhile_is_told_and_nothing_stays_open(tmp_path: Path) -> None:
    names = [f"d{number}" for number in range(60)]
    bottom = tmp_path.joinpath("top", *names)
    write(bottom / "file", 1)
    for depth in range(60):
        (tmp_path.joinpath("top", *names[:depth]) / "side").mkdir(exist_ok=True)
    before = open_descriptors()

    def watch() -> None:
        if bottom.exists():
            (tmp_path.joinpath("top", *names[:3])).rename(tmp_path / "moved")

    class AtTheBottom(Progress):
        def advance(self, amount: int) -> None:
            if amount:
                watch()

    with pytest.raises(ConflictError, match="moved meanwhile"):
        measure([str(tmp_path / "top")], AtTheBottom())
    assert open_descriptors() == before


def test_vanishing_files_add_nothing(tmp_path: Path) -> None:
    for number in range(5):
        write(tmp_path / f"d{number}" / "file", 10)

    def vanish() -> None:
        for number in range(4):
            remove_tree(str(tmp_path / f"d{number}"))
        os.symlink("/", tmp_path / "d1") if not (tmp_path / "d1").is_symlink() else None

    assert measure([str(tmp_path)], WatchedJob(vanish)).apparent == 10


def test_closed_folders_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a" / "closed").mkdir(parents=True)
    really_open = os.open

    def refuse(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path == "closed":
            raise PermissionError(13, "Permission denied", path)
        return really_open(path, flags, mode, dir_fd=dir_fd)

    before = open_descriptors()
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(NotAllowedError, match=f"{tmp_path}/a/closed"):
        measure([str(tmp_path)])
    assert open_descriptors() == before


def test_measuring_can_be_stopped_and_leaves_nothing_open(tmp_path: Path) -> None:
    write(tmp_path / "a" / "b" / "file", 1)
    progress = Progress()
    progress.stop()
    before = open_descriptors()
    with pytest.raises(Cancelled) as caught:
        measure([str(tmp_path)], progress)
    assert open_descriptors() == before
    assert caught.value.exit_code == 130


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/root:\nada:x:7:7::/home/ada:\nbob:x:8:8::/home/bob:\n")
    for number, place in enumerate(("var/snap", "root/snap", "home/ada/snap", "home/bob/snap")):
        for name in ("2", "common", "1"):
            write(tmp_path / place / "hello" / name / "f", 10**number)
    (tmp_path / "snap/hello").mkdir(parents=True)
    os.symlink("2", tmp_path / "snap/hello/current")
    return tmp_path


def test_an_estimate_adds_the_installed_revision_and_common_of_everybody(root: Path) -> None:
    assert estimate_size(Layout(str(root)), "hello") == 2222


def test_an_estimate_for_some_users_counts_each_of_them_once(root: Path) -> None:
    layout = Layout(str(root))
    assert estimate_size(layout, "hello", ["bob"]) == 2002
    assert estimate_size(layout, "hello", ["ada", "7", "ada"]) == 202


def test_an_estimate_without_the_snap_installed_is_of_common_data(root: Path) -> None:
    remove_tree(str(root / "snap"))
    assert estimate_size(Layout(str(root)), "hello") == 1111
    assert estimate_size(Layout(str(root)), "nosuch") == 0


def test_an_estimate_refuses_what_is_no_user_and_no_snap(root: Path) -> None:
    layout = Layout(str(root))
    with pytest.raises(NotFoundError, match=r"^user: unknown user eve$"):
        estimate_size(layout, "hello", ["ada", "eve"])
    with pytest.raises(InvalidInputError, match="invalid snap name"):
        estimate_size(layout, "../../etc")
