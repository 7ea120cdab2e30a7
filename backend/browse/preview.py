"""What a piece of a file looks like, as lines that do no harm wherever they are shown.

Nothing of it is executed, unpacked or looked up.
"""

import json
import re
import unicodedata
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

CAP = 256 << 10
_HEX = 4 << 10
_WIDTH = 16
_LONGEST_LINE = 2000
_MOST_LINES = 10_000
_TAB = 8
_DEEPEST = 60
_INDENT = 2
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^"{}\[\],:\s]+')
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8", "UTF-8"),
    (b"\xff\xfe\0\0", "utf-32-le", "UTF-32"),
    (b"\0\0\xfe\xff", "utf-32-be", "UTF-32"),
    (b"\xff\xfe", "utf-16-le", "UTF-16"),
    (b"\xfe\xff", "utf-16-be", "UTF-16"),
)
_MAGICS = (
    (b"SQLite format 3\0", "SQLite database"),
    (b"\x89PNG\r\n\x1a\n", "PNG image"),
    (b"\xff\xd8\xff", "JPEG image"),
    (b"GIF8", "GIF image"),
    (b"%PDF-", "PDF document"),
    (b"\x7fELF", "ELF program"),
    (b"PK\x03\x04", "zip archive"),
    (b"\x1f\x8b", "gzip file"),
    (b"\xfd7zXZ\0", "xz file"),
    (b"(\xb5/\xfd", "Zstandard file"),
    (b"hsqs", "squashfs image"),
)
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")


class Look(Enum):
    """What content is shown as."""

    EMPTY = "empty"
    TEXT = "text"
    JSON = "JSON"
    BINARY = "binary"


class Preview(NamedTuple):
    """The beginning of a file as lines without control characters.

    `encoding` is that of text, and `what` says what binary content seems to be; either may be empty. What was
    cut short is not `whole`.
    """

    look: Look
    lines: tuple[str, ...]
    encoding: str = ""
    what: str = ""
    whole: bool = True


def preview_of(head: bytes, size: int) -> Preview:
    """Show the beginning of a file of `size` bytes that begins with `head`: at most `CAP` bytes of it."""
    head = head[:CAP]
    whole = len(head) >= size
    if not head:
        return Preview(Look.EMPTY, (), whole=whole)
    what = _described(head)
    text, encoding = ("", "") if what else _decoded(head, whole=whole)
    if not encoding:
        return Preview(
            Look.BINARY, tuple(hex_lines(head[:_HEX])), what=what, whole=whole and len(head) <= _HEX
        )
    look = Look.TEXT
    if whole and text.lstrip()[:1] in ("{", "[") and _is_json(text):
        look = Look.JSON
        text = text if text.strip().count("\n") else _indented(text)
    lines = text.splitlines()
    shown = tuple(harmless(line) for line in lines[:_MOST_LINES])
    return Preview(look, shown, encoding, whole=whole and len(lines) <= _MOST_LINES)


def _described(head: bytes) -> str:
    what = next((name for magic, name in _MAGICS if head.startswith(magic)), "")
    if what == "SQLite database" and len(head) >= 100:
        page = int.from_bytes(head[16:18], "big")
        what += (
            f", pages of {65536 if page == 1 else page} bytes, {int.from_bytes(head[28:32], 'big')} of them"
        )
    return what


def _decoded(head: bytes, *, whole: bool) -> tuple[str, str]:
    """The text and its encoding, or nothing where it is none."""
    for bom, codec, name in _BOMS:
        if head.startswith(bom):
            return head[len(bom) :].decode(codec, "replace"), name
    if _CONTROL.search(head):
        return "", ""
    for cut in range(1 if whole else 4):
        try:
            text = head[: len(head) - cut].decode("utf-8")
        except UnicodeDecodeError:
            continue
        return text, "ASCII" if text.isascii() else "UTF-8"
    strange = sum(0x80 <= byte < 0xA0 for byte in head)
    if strange * 50 > len(head):
        return "", ""
    return head.decode("latin-1"), "ISO 8859-1, by the look of it"


def _is_json(text: str) -> bool:
    try:
        json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return False
    return True


def _indented(text: str) -> str:
    """JSON with a line for each value; every value stays as it is spelled."""
    parts: list[str] = []
    depth = 0
    before = ""
    for token in _TOKEN.findall(text):
        closes = token in ("}", "]")
        depth -= closes
        if (closes and before not in ("{", "[")) or (before in ("{", "[", ",") and not closes):
            parts.append("\n" + " " * (_INDENT * min(depth, _DEEPEST)))
        parts.append(": " if token == ":" else token)
        depth += token in ("{", "[")
        before = token
    return "".join(parts)


def harmless(line: str) -> str:
    """Spell out whatever in a line steers a terminal, or the order of letters; a long line is cut."""
    cut = line[:_LONGEST_LINE].expandtabs(_TAB)[:_LONGEST_LINE]
    shown = cut if cut.isprintable() else "".join(map(_spelled, cut))
    return shown + "…" if len(line) > _LONGEST_LINE else shown


def _spelled(letter: str) -> str:
    if letter.isprintable():
        return letter
    if unicodedata.category(letter) == "Zs":
        return " "
    code = ord(letter)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def hex_lines(data: bytes, start: int = 0) -> Iterator[str]:
    """Show bytes as offset, numbers and characters, sixteen in a line; `start` is the first offset."""
    for at in range(0, len(data), _WIDTH):
        row = data[at : at + _WIDTH]
        numbers = " ".join(f"{byte:02x}" for byte in row)
        letters = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        yield f"{start + at:08x}  {numbers:<{_WIDTH * 3 - 1}}  {letters}"
