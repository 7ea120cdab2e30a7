"""A table of contents on disk (SQLite): the nodes of one archive, listed and found in bounded memory.

One connection for all threads, one at a time. Until it is `finished` it may grow while it is read.
"""

import sqlite3
import threading
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from backend.archive.gzip.seek import START, SeekPoint
from backend.browse.nodes import KINDS, ROOT, Flag, Kind, Node, Order, joined
from backend.errors import SnapshotError
from backend.fs.database import database_errors_as

Row: TypeAlias = tuple[Any, ...]

VERSION = 2
_PAGE = 4096
_FETCH = 2000
_MOST_BITS = 7
_ODD = "cannot read the table of contents: it does not fit together"
_NO_LIMIT = 0x3FFFFFFF
_SCHEMA = """
CREATE TABLE facts (key TEXT PRIMARY KEY, value);
CREATE TABLE owners (id INTEGER PRIMARY KEY, uid INTEGER, gid INTEGER, user BLOB, grp BLOB);
CREATE TABLE points (unpacked INTEGER PRIMARY KEY, packed INTEGER, bits INTEGER, window BLOB);
CREATE TABLE nodes (id INTEGER PRIMARY KEY, parent INTEGER, rank INTEGER, name BLOB, kind INTEGER,
    size INTEGER, files INTEGER, mtime INTEGER, mode INTEGER, link BLOB, data INTEGER, stored INTEGER,
    head INTEGER, flags INTEGER, owner INTEGER);
CREATE INDEX by_name ON nodes (parent, rank, name);
"""
_INSERT = "INSERT INTO nodes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_DESCRIBE = "UPDATE nodes SET mtime = ?, mode = ?, flags = ?, owner = ? WHERE id = ?"
_COUNT = "UPDATE nodes SET size = size + ?, files = files + ? WHERE id = ?"
_COLUMNS = """n.id, parent, name, kind, size, files, mtime, mode, link, data, stored, head, flags,
    uid, gid, user, grp"""
_NODES = f"SELECT {_COLUMNS} FROM nodes n LEFT JOIN owners o ON o.id = n.owner"
_BY_NAME = f"""{_NODES} WHERE n.id IN (SELECT id FROM nodes WHERE parent = ?
    ORDER BY rank, name, id LIMIT ? OFFSET ?) ORDER BY rank, name, n.id"""
_BEFORE = """SELECT count(*) FROM nodes n, nodes other WHERE other.id = ? AND n.parent = other.parent
    AND (n.rank, n.name, n.id) < (other.rank, other.name, other.id)"""
_SORTED = {
    Order.SIZE: "SELECT id FROM nodes WHERE parent = ? ORDER BY size DESC, name, id",
    Order.TIME: "SELECT id FROM nodes WHERE parent = ? ORDER BY mtime DESC, name, id",
}
_TWINS = """SELECT parent, name FROM nodes WHERE rank = 1 GROUP BY parent, rank, name HAVING count(*) > 1"""
_CLASHES = """SELECT d.id, f.id FROM nodes d CROSS JOIN nodes f
    WHERE d.rank = 0 AND f.parent = d.parent AND f.rank = 1 AND f.name = d.name"""


class TocDatabase:
    """The table in the file at `path`, or in one without a name that vanishes when it is closed.

    Raises SnapshotError where it cannot be had, or is not one of ours; `fresh` makes it anew, of at most
    `cap` bytes: more raise NoSpaceError.
    """

    def __init__(self, path: str, *, fresh: bool, cap: int) -> None:
        self._lock = threading.RLock()
        self._sorted: tuple[tuple[int, Order, int], array[int]] | None = None
        self._grown = 0
        with database_errors_as("open the table of contents"):
            self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            try:
                self._prepare(fresh, cap)
            except BaseException:
                self._database.close()
                raise

    def _prepare(self, fresh: bool, cap: int) -> None:
        run = self._database.execute
        run("PRAGMA trusted_schema = OFF")
        if not fresh:
            if run("PRAGMA user_version").fetchone()[0] != VERSION:
                raise SnapshotError("cannot open the table of contents: it is of another version")
            return
        run("PRAGMA journal_mode = MEMORY")  # a table that was not finished is thrown away
        run("PRAGMA synchronous = OFF")
        run(f"PRAGMA max_page_count = {max(64, cap // _PAGE)}")
        self._database.executescript(_SCHEMA)
        run(f"PRAGMA user_version = {VERSION}")

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._database.close()

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        with self._lock, database_errors_as("read the table of contents"):
            yield self._database

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, database_errors_as("keep the table of contents"):
            self._database.execute("BEGIN")
            try:
                yield self._database
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")
            self._grown += 1

    # -- filling

    def add(self, nodes: Sequence[Row], described: Sequence[Row], counts: Iterable[Row]) -> None:
        """Take in nodes, what members tell of folders that are there, and what comes to the totals."""
        with self._changing() as database:
            database.executemany(_INSERT, nodes)
            database.executemany(_DESCRIBE, described)
            database.executemany(_COUNT, counts)

    def add_owner(self, number: int, owner: Row) -> None:
        """Take in an owner: uid, gid, user and group."""
        with self._changing() as database:
            database.execute("INSERT INTO owners VALUES (?, ?, ?, ?, ?)", (number, *owner))

    def finish(self, points: Iterable[SeekPoint], facts: dict[str, str]) -> None:
        """Keep the points to start from, and what is known of the whole."""
        rows = [(key, text.encode("utf-8", "surrogatepass")) for key, text in facts.items()]
        with self._using() as database:
            database.execute(f"PRAGMA max_page_count = {_NO_LIMIT}")
        with self._changing() as database:
            database.executemany("INSERT OR REPLACE INTO points VALUES (?, ?, ?, ?)", points)
            database.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", rows)

    def settle_replaced(self) -> None:
        """Flag every member that another of the same name comes after, and take it out of the totals."""
        with self._changing() as database:
            pairs = [(first, second) for first, second in database.execute(_CLASHES)]
            for first, second in pairs:
                self._flag_replaced(min(first, second))
            for parent, name in database.execute(_TWINS).fetchall():
                same = "SELECT id FROM nodes WHERE parent = ? AND rank = 1 AND name = ? ORDER BY id"
                for (number,) in database.execute(same, (parent, name)).fetchall()[:-1]:
                    self._flag_replaced(number)

    def _flag_replaced(self, number: int) -> None:
        node = self.node(number)
        if node.flags & Flag.REPLACED:
            return
        run = self._database.execute
        run("UPDATE nodes SET flags = flags | ? WHERE id = ?", (int(Flag.REPLACED), number))
        counted = node.size if node.kind in (Kind.FILE, Kind.FOLDER) else 0
        less = (-counted, -node.files if node.is_folder else -1)
        above = node.parent
        while above:
            run(_COUNT, (*less, above))
            above = run("SELECT parent FROM nodes WHERE id = ?", (above,)).fetchone()[0]

    def resolve_link(self, node: Node, target: Node | None) -> None:
        """Give a hard link the content of what it is a link to, or flag it as leading nowhere."""
        with self._changing() as database:
            if target is None:
                flags = node.flags | Flag.DANGLING
                database.execute("UPDATE nodes SET flags = ? WHERE id = ?", (int(flags), node.id))
                return
            flags = node.flags | (target.flags & (Flag.SPARSE | Flag.DANGLING))
            known = (target.size, target.data, target.stored, target.head, int(flags), node.id)
            change = "UPDATE nodes SET size = ?, data = ?, stored = ?, head = ?, flags = ? WHERE id = ?"
            database.execute(change, known)

    # -- looking

    def fact(self, key: str) -> str:
        """What is known of the whole under a name, or nothing."""
        with self._using() as database:
            row = database.execute("SELECT value FROM facts WHERE key = ?", (key,)).fetchone()
        if row is None:
            return ""
        if not isinstance(row[0], bytes):
            raise SnapshotError(_ODD)
        return row[0].decode("utf-8", "surrogatepass")

    def before(self, offset: int) -> SeekPoint:
        """The last point to start from at or before an unpacked offset."""
        query = "SELECT * FROM points WHERE unpacked <= ? ORDER BY unpacked DESC LIMIT 1"
        with self._using() as database:
            row = database.execute(query, (offset,)).fetchone()
        if row is None:
            return START
        if not all(isinstance(number, int) and number >= 0 for number in row[:3]) or row[2] > _MOST_BITS:
            raise SnapshotError(_ODD)
        return SeekPoint(*row)

    def node(self, number: int) -> Node:
        """The node of that number."""
        with self._using() as database:
            row = database.execute(f"{_NODES} WHERE n.id = ?", (number,)).fetchone()
        if row is None:
            raise SnapshotError(_ODD)
        return _node(row)

    def child(self, parent: int, name: bytes, *, before: int | None = None) -> Node | None:
        """What has that name in a folder: a folder first, else the last member, of those before a number."""
        query = f"{_NODES} WHERE parent = ? AND rank IN (0, 1) AND name = ? AND n.id < ?"
        limit = before or 1 << 62
        with self._using() as database:
            row = database.execute(
                f"{query} ORDER BY rank, n.id DESC LIMIT 1", (parent, name, limit)
            ).fetchone()
        return _node(row) if row else None

    def folder(self, parent: int, name: bytes) -> tuple[int, int] | None:
        """Number and flags of the folder of that name in another one."""
        with self._using() as database:
            query = "SELECT id, flags FROM nodes WHERE parent = ? AND rank = 0 AND name = ?"
            row: tuple[int, int] | None = database.execute(query, (parent, name)).fetchone()
        return row

    def count(self, folder: int) -> int:
        """How many nodes are in a folder."""
        with self._using() as database:
            query = "SELECT count(*) FROM nodes WHERE parent = ?"
            number: int = database.execute(query, (folder,)).fetchone()[0]
        return number

    def position(self, number: int) -> int:
        """How many nodes come before one in its folder, by name."""
        with self._using() as database:
            before: int = database.execute(_BEFORE, (number,)).fetchone()[0]
        return before

    def listing(self, folder: int, order: Order, start: int, count: int) -> list[Node]:
        """Part of what is in a folder, in order."""
        with self._using() as database:
            if order is Order.NAME:
                return [_node(row) for row in database.execute(_BY_NAME, (folder, count, start))]
            return [self.node(number) for number in self._ids(folder, order)[start : start + count]]

    def _ids(self, folder: int, order: Order) -> "array[int]":
        """The nodes of a folder in order; those of the last folder asked for are remembered."""
        key = (folder, order, self._grown)
        if self._sorted is None or self._sorted[0] != key:
            rows = self._database.execute(_SORTED[order], (folder,))
            self._sorted = key, array("q", (number for (number,) in rows))
        return self._sorted[1]

    def names(self) -> Iterator[tuple[int, int, bytes]]:
        """Number, parent and name of every node, by number."""
        yield from self._pages("SELECT id, parent, name FROM nodes WHERE id > ? ORDER BY id LIMIT ?")

    def hard_links(self) -> Iterator[Node]:
        """The hard links, by number."""
        kind = KINDS.index(Kind.HARD_LINK)
        query = f"{_NODES} WHERE kind = {kind} AND n.id > ? ORDER BY n.id LIMIT ?"
        return (_node(row) for row in self._pages(query))

    def _pages(self, query: str) -> Iterator[Any]:
        last = 0
        while True:
            with self._using() as database:
                rows = database.execute(query, (last, _FETCH)).fetchall()
            yield from rows
            if len(rows) < _FETCH:
                return
            last = rows[-1][0]

    def path(self, node: Node) -> bytes:
        """The whole name of a node, its parts joined by slashes; nothing for the root."""
        parts: list[bytes] = []
        while node.id != ROOT:
            if parts and node.parent >= node.id:
                raise SnapshotError(_ODD)
            parts.insert(0, node.name)
            node = self.node(node.parent)
        return joined(parts)


def _node(row: Row) -> Node:
    try:
        return _parsed(row)
    except (IndexError, TypeError, ValueError) as cause:
        raise SnapshotError(_ODD) from cause


def _parsed(row: Row) -> Node:
    number, parent, name, kind, *middle, flags, uid, gid, user, group = row
    size, files, mtime, mode, link, data, stored, head = middle
    owner = (uid or 0, gid or 0, user or b"", group or b"")
    common = (
        number,
        parent,
        name,
        KINDS[kind],
        int(size),
        files,
        mtime,
        mode,
        link or b"",
        data,
        stored,
        head,
    )
    return Node(*common, Flag(flags), *owner)
