"""Roots are known by their id; paths noted below one are told as they are now."""

import os
from pathlib import Path
from typing import Any

import pytest

from backend.store.root_id import RootId, is_same_root, rebased

PRESENT = {"path": "/mnt/b", "device": 7, "inode": 2, "id": "abc"}


@pytest.mark.parametrize(
    ("recorded", "is_same"),
    [
        (PRESENT, True),
        ({**PRESENT, "path": "/", "device": 8}, True),
        ({**PRESENT, "id": "other"}, False),
        ({**PRESENT, "inode": 3}, False),
        ({"path": "/mnt/b", "device": 8, "inode": 2}, True),
        ({"path": "/mnt/a", "device": 7, "inode": 2}, True),
        ({"path": "/mnt/a", "device": 8, "inode": 2}, False),
        ({"path": "/mnt/b", "device": 7, "inode": 3}, False),
        ({}, False),
    ],
)
def test_a_root_is_known_again(recorded: dict[str, Any], *, is_same: bool) -> None:
    assert is_same_root(recorded, PRESENT) is is_same


@pytest.mark.parametrize(
    ("old", "new", "path", "now"),
    [
        ("/a", "/b", "/a/var/snap", "/b/var/snap"),
        ("/a", "/b", "/a", "/b"),
        ("/a", "/b", "/ab/var", "/ab/var"),
        ("/a", "/b", "common", "common"),
        ("/", "/mnt", "/var/snap", "/mnt/var/snap"),
        ("/", "/mnt", "/", "/mnt"),
        ("/mnt", "/", "/mnt/var/snap", "/var/snap"),
        ("/mnt", "/", "/mnt", "/"),
        ("", "", "/a/b", "/a/b"),
    ],
)
def test_paths_move_with_their_root(old: str, new: str, path: str, now: str) -> None:
    document = {"step": [path, 1, None, {"made": [path]}]}
    assert rebased(document, old, new) == {"step": [now, 1, None, {"made": [now]}]}


def test_an_id_is_given_once_and_for_our_eyes_only(tmp_path: Path) -> None:
    assert RootId(str(tmp_path)).read() == ""
    given = RootId(str(tmp_path)).made()
    assert RootId(str(tmp_path)).made() == RootId(str(tmp_path)).read() == given
    assert len(given) == 32
    assert os.listdir(tmp_path) == ["root-id"]
    assert (tmp_path / "root-id").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"short\n", b"\xff" * 33, b"a" * 1000])
def test_a_damaged_id_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "root-id").write_bytes(content)
    assert RootId(str(tmp_path)).read() == ""
