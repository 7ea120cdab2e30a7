"""What members of archives look like, from their bytes alone."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.geometry import Size

from backend.browse import Content, Flag, Kind, Look, Node, preview_of
from tests.support.builders import snapshot_of
from tui.screens.text_viewer import broken
from tui.session.open_file import Item, Location
from tui.terminal.pager import command
from tui.views.preview import about, all_lines, content_preview, is_readable, item_preview

ROOM = Size(40, 20)


def node_of(kind: Kind = Kind.FILE, size: int = 0, **facts: Any) -> Node:
    plain = Node(2, 1, b"name", kind, size, 0, 10**18, 0o644, b"", 0, size, 0, Flag(0))
    return plain._replace(**facts)


def item_of(node: Node) -> Item:
    return Item(Location(0, "archive.tgz", b"common/name"), snapshot_of(1, "cloud", {}), node)


def content_of(data: bytes) -> Content:
    return Content(len(data), lambda at, size: data[at : at + size])


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "an empty file · 0 B"),
        (b"plain\n", "text · ASCII · 6 B"),
        ("größer".encode(), "text · UTF-8 · 8 B"),
        (b'{"a": [1, 2]}', "JSON · ASCII · 13 B"),
        (b"\x00\x01\x02", "binary · 3 B"),
        (b"SQLite format 3\0" + bytes(100), "binary · SQLite database"),
    ],
)
def test_content_is_told_by_its_looks(data: bytes, what: str) -> None:
    assert content_preview(data, len(data)).what.startswith(what)


def test_content_beyond_the_cap_is_said_to_be_a_beginning() -> None:
    assert content_preview(b"text\n" * 10, 10**9).what.endswith("1.0 GB, the first part of it")


@given(st.binary(max_size=3000))
def test_lines_of_any_file_can_do_no_harm(data: bytes) -> None:
    preview = preview_of(data, len(data))
    lines = [*content_preview(data, len(data)).lines, *all_lines(content_of(data), preview)]
    for line in lines:
        assert not any(ord(letter) < 32 or 0x7F <= ord(letter) < 0xA0 for letter in line)
        line.encode()


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=200000 // 400))
def test_the_pager_gets_all_of_a_text(text: str) -> None:
    data = (text + "\n").encode() * 3
    preview = preview_of(data, len(data))
    if preview.look is not Look.BINARY:
        assert len(list(all_lines(content_of(data), preview))) >= 3


def test_binary_content_is_paged_as_numbers_with_their_offsets() -> None:
    data = bytes(70_000)
    lines = list(all_lines(content_of(data), preview_of(data, len(data))))
    assert lines[0].startswith("00000000  00 00")
    assert lines[-1].startswith("00011160")


def test_a_link_is_told_and_never_opened() -> None:
    def open_it(_item: Item) -> Content:
        raise AssertionError("it was opened")

    for kind in (Kind.LINK, Kind.FIFO, Kind.CHARACTER, Kind.FOLDER):
        item = item_of(node_of(kind, link=b"/etc/\x1b[2Jshadow"))
        assert not is_readable(item)
        assert "\x1b" not in "".join(item_preview(item, open_it).lines)


def test_the_pane_is_never_wider_or_higher_than_its_room() -> None:
    item = item_of(node_of(size=5))
    text = about(item, content_preview(("\u4e16" * 300 + "\n").encode() * 90, 10**6), ROOM)
    lines = text.plain.split("\n")
    assert len(lines) <= ROOM.height + 1
    assert all(len(line) <= ROOM.width for line in lines if line.startswith("\u4e16"))


def test_long_lines_are_broken_and_nothing_is_lost() -> None:
    assert broken("", 5) == [""]
    assert broken("abc", 5) == ["abc"]
    assert broken("abcdefgh", 3) == ["abc", "def", "gh"]
    assert "".join(broken("\u4e16" * 7, 1)) == "\u4e16" * 7


@pytest.mark.parametrize(
    ("value", "expected"), [("", ["less"]), ("less -S", ["less", "-S"]), ("'", ["less"])]
)
def test_the_pager_is_the_users_own(monkeypatch: pytest.MonkeyPatch, value: str, expected: list[str]) -> None:
    monkeypatch.setenv("PAGER", value)
    assert command() == expected
