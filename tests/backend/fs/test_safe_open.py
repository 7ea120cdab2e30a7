import os
from pathlib import Path

import pytest

from backend.errors import BlockedError
from backend.fs.safe_open import nearest, open_data_parent
from backend.model import User
from tests.support.descriptors import descriptors

ME = os.geteuid()


@pytest.fixture
def user(tmp_path: Path) -> User:
    """Whoever runs the tests, at home in a directory of its own."""
    home = tmp_path / "home/ada"
    home.mkdir(parents=True)
    return User("ada", ME, os.getegid(), str(home))


def opened(parent: Path | str, user: User | None = None) -> os.stat_result:
    """What is opened as the parent; all other files are closed again."""
    before = descriptors()
    try:
        with open_data_parent(str(parent), user) as fd:
            return os.fstat(fd)
    finally:
        assert descriptors() == before


def same(status: os.stat_result, path: Path) -> bool:
    return os.path.samestat(status, path.stat())


def test_the_nearest_directory_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert nearest(str(tmp_path)) == str(tmp_path)
    assert nearest(f"{tmp_path}/a/b/c") == str(tmp_path)
    assert nearest(f"{tmp_path}/file/b") == str(tmp_path)


def test_directories_that_are_there_are_opened(tmp_path: Path, user: User) -> None:
    for parent, whose in ((tmp_path / "var/snap/hello", None), (Path(user.home, "snap/hello"), user)):
        parent.mkdir(parents=True)
        assert same(opened(parent, whose), parent)


def test_missing_parent_is_an_error(tmp_path: Path, user: User) -> None:
    for parent, whose in ((tmp_path / "var/snap/hello", None), (Path(user.home, "snap/hello"), user)):
        with pytest.raises(FileNotFoundError):
            opened(parent, whose)


@pytest.mark.parametrize("system", [False, True])
def test_missing_directories_are_made_from_the_top(tmp_path: Path, user: User, system: bool) -> None:
    made = []

    def make(fd: int, name: str, path: str) -> None:
        made.append(path)
        os.mkdir(name, dir_fd=fd)

    base = tmp_path if system else Path(user.home)
    parent = base / "snap/data/hello"
    with open_data_parent(str(parent), None if system else user, make) as fd:
        assert same(os.fstat(fd), parent)
    assert made == [str(base / "snap"), str(base / "snap/data"), str(parent)]
    with open_data_parent(str(parent), None if system else user, make):
        assert len(made) == 3


def test_a_file_in_the_way(user: User) -> None:
    Path(user.home, "snap").touch()
    with pytest.raises(NotADirectoryError):
        opened(f"{user.home}/snap/hello", user)


def test_a_user_may_lead_elsewhere_among_what_is_theirs(tmp_path: Path, user: User) -> None:
    (tmp_path / "big disk/hello").mkdir(parents=True)
    Path(user.home, "snap").symlink_to(tmp_path / "big disk")
    assert same(opened(f"{user.home}/snap/hello", user), tmp_path / "big disk/hello")


@pytest.mark.parametrize("target", ["nowhere", "snap"])
def test_links_that_lead_nowhere(user: User, target: str) -> None:
    Path(user.home, "snap").symlink_to(target)
    with pytest.raises(OSError, match=r"No such file|Too many levels"):
        opened(f"{user.home}/snap/hello", user)


def test_a_link_to_somebody_elses_directory_is_not_followed(user: User) -> None:
    stranger = user._replace(uid=ME + 1)
    Path(user.home, "mine").mkdir()
    Path(user.home, "snap").symlink_to("mine")
    with pytest.raises(BlockedError, match="link to a directory of someone else"):
        opened(f"{user.home}/snap/hello", stranger)


def test_the_systems_directories_are_never_links(tmp_path: Path) -> None:
    (tmp_path / "elsewhere/hello").mkdir(parents=True)
    (tmp_path / "var").mkdir()
    (tmp_path / "var/hello").symlink_to(tmp_path / "elsewhere/hello")
    with pytest.raises(BlockedError, match="it is a symbolic link"):
        opened(tmp_path / "var/hello")


def test_below_another_root_no_link_is_followed(user: User) -> None:
    Path(user.home, "mine/hello").mkdir(parents=True)
    Path(user.home, "snap").symlink_to("mine")
    before = descriptors()
    with (
        pytest.raises(BlockedError, match="it is a symbolic link"),
        open_data_parent(f"{user.home}/snap/hello", user, links=False),
    ):
        raise AssertionError("it was opened")
    assert descriptors() == before


def test_above_the_home_links_are_the_administrators(tmp_path: Path, user: User) -> None:
    (tmp_path / "homes").symlink_to("home")
    moved = user._replace(home=f"{tmp_path}/homes/ada")
    Path(user.home, "snap/hello").mkdir(parents=True)
    assert same(opened(f"{moved.home}/snap/hello", moved), Path(user.home, "snap/hello"))
