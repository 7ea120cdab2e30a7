"""Trees over archives of every maker."""

import gzip
import io
from collections.abc import Callable, Iterator

from backend.archive.gzip.blocks import compress
from backend.archive.gzip.seek import CompressedSource
from backend.browse.nodes import Order
from backend.browse.toc_cache import Key
from backend.browse.tree import Archive, Tree
from backend.model import ARCHIVE
from backend.progress import Progress
from tests.support import rawtar
from tests.support.builders import snapshot_of, tgz

Make = Callable[..., Tree]


def block_gzip(data: bytes) -> bytes:
    out = io.BytesIO()
    compress(io.BytesIO(data).readinto, out.write)
    return out.getvalue()


def archive_of(
    packed: bytes, key: str = "k", path: str = "/nowhere", declared: bytes | None = None
) -> Archive:
    snapshot = snapshot_of(1, "foo", {ARCHIVE: packed if declared is None else declared})
    place = CompressedSource(lambda at, count: packed[at : at + count], len(packed))
    return Archive(snapshot, ARCHIVE, place, lambda: io.BytesIO(packed).read, path, Key(path, key, ARCHIVE))


def tree_maker() -> Iterator[Make]:
    trees = []

    def made(tar: bytes, *, packed_by: Callable[[bytes], bytes] = gzip.compress, kept: str = "") -> Tree:
        tree = Tree(archive_of(packed_by(tar)), kept)
        trees.append(tree)
        tree.index(Progress())
        return tree

    yield made
    for tree in trees:
        tree.close()


def names(tree: Tree, path: bytes = b"", order: Order = Order.NAME) -> list[bytes]:
    return [node.name for node in tree.listing(tree.node(path), order)]


def whole(tree: Tree, path: bytes) -> bytes:
    content = tree.open(tree.node(path))
    return content.read(0, content.size)


def raw(*members: bytes) -> bytes:
    return b"".join(members) + rawtar.END


TAR = gzip.decompress(tgz({"x1": {"b": "bb", "a": {"one": "1", "two": "22"}}, "common": {"c": "ccc"}}, 7))
