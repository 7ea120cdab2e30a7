import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.browse.preview import CAP, Look, harmless, hex_lines, preview_of


def seen(data: bytes, size: int | None = None) -> tuple[Look, tuple[str, ...]]:
    preview = preview_of(data, len(data) if size is None else size)
    return preview.look, preview.lines


def test_text_by_its_encoding() -> None:
    assert preview_of(b"one\ntwo\n", 8).encoding == "ASCII"
    assert preview_of("naïve\n".encode(), 7).encoding == "UTF-8"
    assert preview_of("naïve\n".encode("utf-16"), 14).lines == ("naïve",)
    assert preview_of("\ufeffabc".encode(), 6).lines == ("abc",)
    assert preview_of("naïve café".encode("latin-1"), 10).encoding.startswith("ISO 8859-1")


def test_nothing() -> None:
    assert seen(b"") == (Look.EMPTY, ())


def test_text_cut_within_a_letter_is_still_text() -> None:
    data = ("ä" * 100).encode()[:-1]
    preview = preview_of(data, 1000)
    assert (preview.look, preview.encoding, preview.whole) == (Look.TEXT, "UTF-8", False)
    assert preview.lines == ("ä" * 99,)


def test_json_on_one_line_is_spread_and_stays_as_it_is_spelled() -> None:
    text = b'{"a":[1.10,2e400,{}],"b":"x{,}\\"y","a":[]}'
    look, lines = seen(text)
    assert look is Look.JSON
    assert "".join(line.strip() for line in lines).replace(": ", ":") == text.decode()
    assert len(lines) > 4
    assert json.loads("\n".join(lines)) == json.loads(text)


def test_json_in_lines_stays() -> None:
    assert seen(b'{\n   "a": 1\n}\n') == (Look.JSON, ("{", '   "a": 1', "}"))


@pytest.mark.parametrize("text", [b'{"a"', b"[" * 200_000, b"[1" + b"," * 9, b"[NaN, xyz]"])
def test_malformed_json_is_text(text: bytes) -> None:
    assert seen(text)[0] is Look.TEXT


def test_binary_content_is_named_and_shown_in_hex() -> None:
    head = b"SQLite format 3\0" + (4096).to_bytes(2, "big") + bytes(10) + (7).to_bytes(4, "big") + bytes(90)
    preview = preview_of(head, 1 << 20)
    assert (preview.look, preview.whole) == (Look.BINARY, False)
    assert preview.what == "SQLite database, pages of 4096 bytes, 7 of them"
    assert preview.lines[0].startswith("00000000  53 51 4c 69 74 65")
    assert preview.lines[0].endswith("SQLite format 3.")


def test_hex_lines_line_up() -> None:
    first, last = hex_lines(bytes(range(0x41, 0x53)), 0x10)
    assert first == "00000010  41 42 43 44 45 46 47 48 49 4a 4b 4c 4d 4e 4f 50  ABCDEFGHIJKLMNOP"
    assert last.index("QR") == first.index("ABC")


def test_a_line_does_no_harm() -> None:
    assert harmless("a\x1b[31mb\u202ec\x9bd") == "a\\x1b[31mb\\u202ec\\x9bd"
    assert harmless("a\tb") == "a       b"
    assert len(harmless("x" * 10_000_000)) < 3000


@given(st.binary(max_size=3000), st.integers(0, 5000))
def test_preview_lines_are_printable_for_any_bytes(data: bytes, more: int) -> None:
    preview = preview_of(data, len(data) + more)
    assert all(line.isprintable() or not line.strip() for line in preview.lines)


def test_there_is_a_cap() -> None:
    preview = preview_of(b"ab\n" * CAP, 3 * CAP)
    assert sum(map(len, preview.lines)) <= CAP
    assert not preview.whole
