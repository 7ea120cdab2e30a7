"""What a member of an archive looks like, in words and harmless lines: pure functions of its first bytes."""

import codecs
from collections.abc import Callable, Iterator
from typing import NamedTuple

from rich.text import Text
from textual.geometry import Size

from backend.browse import Content, Kind, Look, Node, Preview, harmless, hex_lines, preview_of
from tui.phrases import count_phrase
from tui.session.open_file import Item
from tui.text import amount_text, cells, plain
from tui.views.file_rows import mode_text, name_of, note_of, owner_text, time_text

CAP = 256 << 10
OFF = "previews are off: --no-preview"
_PIECE = 64 << 10
_READABLE = (Kind.FILE, Kind.HARD_LINK)


class ItemPreview(NamedTuple):
    """How something looks: what it is in one line, and the lines of its beginning."""

    what: str
    lines: tuple[str, ...] = ()
    preview: Preview | None = None


def is_readable(item: Item) -> bool:
    """Whether it has bytes of its own."""
    return item.node is not None and item.node.kind in _READABLE


def item_preview(item: Item, content: Callable[[Item], Content]) -> ItemPreview:
    """How something looks; reads the beginning of its content. Raises SnapshotError."""
    node = item.node
    if node is None or node.is_folder:
        return ItemPreview("a snapshot" if node is None else "a directory")
    if node.kind is Kind.LINK:
        target = node.link.decode("utf-8", "surrogateescape")
        return ItemPreview("a symbolic link; its target is not read", (f"→ {plain(target)}",))
    if not is_readable(item):
        return ItemPreview(f"a {node.kind.value}: there is nothing in it to read")
    held = content(item)
    return content_preview(held.read(0, CAP), held.size)


def content_preview(head: bytes, size: int) -> ItemPreview:
    """How a file of `size` bytes looks that begins like this."""
    preview = preview_of(head, size)
    phrases = [{Look.JSON: "JSON", Look.EMPTY: "an empty file"}.get(preview.look, preview.look.value)]
    phrases += [word for word in (preview.encoding, preview.what) if word]
    phrases.append(f"{amount_text(size)}{'' if preview.whole else ', the first part of it'}")
    return ItemPreview(" · ".join(phrases), preview.lines, preview)


def about(item: Item, how: ItemPreview | None, room: Size) -> Text:
    """Everything known of something, and as much of its beginning as there is room for."""
    text = Text()
    text.append(f"{name_of(item)}\n", style="bold")
    for label, value in facts(item):
        text.append(f"{label:<9}", style="dim")
        text.append(f"{value}\n")
    if how is not None:
        text.append(f"\n{how.what}\n", style="dim")
        lines = how.lines[: max(0, room.height - text.plain.count("\n") - 1)]
        text.append(
            "\n".join(line if cells(line) <= room.width else _cut(line, room.width) for line in lines)
        )
    return text


def facts(item: Item) -> Iterator[tuple[str, str]]:
    """What is known of something: what about, and what."""
    node = item.node
    if node is None:
        yield "saved", plain(item.snapshot.time)
        yield "stored", f"{item.snapshot.size:,} bytes"
        return
    yield "kind", node.kind.value
    if node.is_folder:
        yield "holds", count_phrase(node.files, "file")
    yield "size", f"{node.size:,} bytes"
    if item.reading is None:
        yield "changed", time_text(node.mtime_ns)
        yield "mode", f"{mode_text(node)} ({node.mode & 0o7777:04o})"
        yield "owner", f"{owner_text(node)} ({node.uid}:{node.gid})"
        yield from _stored(node)
    if note := note_of(item)[0]:
        yield "note", note


def _stored(node: Node) -> Iterator[tuple[str, str]]:
    if node.kind is Kind.FILE and node.stored != node.size:
        yield "stored", f"{node.stored:,} bytes, the rest is holes"


def _cut(line: str, width: int) -> str:
    line = line[:width]
    while line and cells(line) >= width:
        line = line[:-1]
    return f"{line}…"


# -- all of it, for a pager


def all_lines(content: Content, how: Preview) -> Iterator[str]:
    """The whole of a file as harmless lines, piece by piece."""
    if how.look in (Look.BINARY, Look.EMPTY):
        for at, piece in _pieces(content):
            yield from hex_lines(piece, at)
        return
    decoder = codecs.getincrementaldecoder(_CODECS.get(how.encoding, "utf-8"))("replace")
    kept = ""
    for _, piece in _pieces(content):
        *lines, kept = (kept + decoder.decode(piece)).split("\n")
        yield from (harmless(line.removesuffix("\r")) for line in lines)
        while len(kept) > _PIECE:
            yield harmless(kept[:1000])
            kept = kept[1000:]
    if rest := kept + decoder.decode(b"", True):
        yield harmless(rest)


_CODECS = {
    "ASCII": "utf-8",
    "UTF-8": "utf-8-sig",
    "UTF-16": "utf-16",
    "UTF-32": "utf-32",
    "probably ISO 8859-1": "latin-1",
}


def _pieces(content: Content) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < content.size and (piece := content.read(at, _PIECE)):
        yield at, piece
        at += len(piece)
