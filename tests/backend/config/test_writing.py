"""Repositories written into a configuration: what people wrote there stays, and mistakes change nothing."""

from pathlib import Path

import pytest

from backend.config import RepositoryConfig, add_repository, load_config, remove_repository
from backend.errors import InvalidInputError, NotFoundError

BEFORE = """# mine
[repositories.first]   # the nearest
url = "file:///mnt/a"

[retention]
keep_last = 3 # few
"""
OFFSITE = RepositoryConfig("offsite", "s3://b/x", region="eu-1", identity="/root/key")


def test_comments_stay_when_one_is_added_and_removed(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(BEFORE)
    file.chmod(0o640)
    config = add_repository(str(file), OFFSITE)
    assert config.repositories["offsite"] == OFFSITE
    assert load_config(str(file)) == config
    text = file.read_text()
    assert all(line in text for line in BEFORE.splitlines())
    assert file.stat().st_mode & 0o777 == 0o640
    assert sorted(remove_repository(str(file), "offsite").repositories) == ["first"]
    assert file.read_text().split() == BEFORE.split()


def test_file_that_is_not_there_is_made_for_nobody_else(tmp_path: Path) -> None:
    file = tmp_path / "new" / "config.toml"
    add_repository(str(file), OFFSITE)
    assert list(load_config(str(file)).repositories) == ["offsite"]
    assert file.stat().st_mode & 0o777 == 0o600


def test_link_stays_a_link(tmp_path: Path) -> None:
    file, link = tmp_path / "real.toml", tmp_path / "config.toml"
    file.write_text(BEFORE)
    link.symlink_to(file)
    add_repository(str(link), OFFSITE)
    assert link.is_symlink()
    assert "offsite" in file.read_text()


@pytest.mark.parametrize(
    "repository",
    [
        RepositoryConfig("first", "file:///b"),
        RepositoryConfig("No Name", "file:///b"),
        RepositoryConfig("x", "ftp://b"),
        RepositoryConfig("x", "file:///b", recipients=("nonsense",)),
        RepositoryConfig("x", "file:///b", identity="relative"),
    ],
)
def test_mistake_changes_nothing(tmp_path: Path, repository: RepositoryConfig) -> None:
    file = tmp_path / "config.toml"
    file.write_text(BEFORE)
    with pytest.raises(InvalidInputError):
        add_repository(str(file), repository)
    assert file.read_text() == BEFORE
    with pytest.raises(NotFoundError):
        remove_repository(str(file), "nobody")
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]


def test_file_that_cannot_be_understood_is_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[repositories\n")
    with pytest.raises(InvalidInputError):
        add_repository(str(file), OFFSITE)
    assert file.read_text() == "[repositories\n"
