"""What any object store does, whichever it is. Each store inherits the suite and brings a `store` for it."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from backend.errors import InvalidInputError, NotFoundError
from backend.repository.object_store import AlreadyStoredError, ObjectStore, StoreError
from backend.repository.probing import LEFTOVERS, Trial, probe

FOLDER = "snapstow/v1/web-0123abcd"
KEY = f"{FOLDER}/20261201T021500Z-set7-00ff-aa.tar.age"
PART = 8 << 20


def bytes_of(size: int) -> bytes:
    """Bytes that differ from place to place."""
    return b"".join(b"%015d\n" % number for number in range(-(-size // 16)))[:size]


def put(store: ObjectStore, key: str, data: bytes, *, piece: int = 1 << 20, size: int = -1) -> None:
    """Upload an object in pieces; `size` is what is said beforehand."""
    upload = store.upload(key, len(data) if size < 0 else size)
    for start in range(0, len(data), piece):
        assert upload.write(data[start : start + piece]) == len(data[start : start + piece])
    upload.finish()


def read(store: ObjectStore, key: str) -> bytes:
    return b"".join(store.stream(key))


def keys_in(store: ObjectStore, prefix: str = "") -> set[str]:
    """The keys that are listed; none of them twice."""
    keys = [stored.key for stored in store.objects(prefix)]
    assert len(keys) == len(set(keys))
    return set(keys)


class ObjectStoreContract:
    """Inherit it and define the fixture `store`: an empty one, opened as a user's is.

    What a real store cannot do is said by these: whether an upload under way is not listed, whether parts of
    objects can be read, and whether `create` refuses what is there.
    """

    hides_unfinished = True
    reads_ranges = True
    refuses_create = True
    largest_piece = 2 << 20

    # -- writing and reading back

    def test_an_empty_store_lists_nothing(self, store: ObjectStore) -> None:
        assert keys_in(store) == keys_in(store, "snapstow/v1/") == set()

    @pytest.mark.parametrize("size", [0, 1, 100_000, PART, 2 * PART + 5])
    def test_an_object_comes_back_as_it_was_uploaded(self, store: ObjectStore, size: int) -> None:
        before = time.time()
        data = bytes_of(size)
        put(store, KEY, data)
        assert read(store, KEY) == data
        assert store.size(KEY) == size
        (stored,) = store.objects("snapstow/")
        assert stored[:2] == (KEY, size)
        assert before - 120 < stored.modified < time.time() + 120

    @pytest.mark.parametrize("guess", [0, 100, 20 << 20])
    def test_a_wrong_guess_of_the_size_does_no_harm(self, store: ObjectStore, guess: int) -> None:
        data = bytes_of(PART + 100)
        put(store, KEY, data, piece=777_777, size=guess)
        assert read(store, KEY) == data

    def test_an_upload_is_not_there_before_its_end(self, store: ObjectStore) -> None:
        upload = store.upload(KEY, 3 * PART)
        upload.write(bytes_of(2 * PART))
        if self.hides_unfinished:
            assert keys_in(store) == set()
            with pytest.raises(NotFoundError):
                store.size(KEY)
        upload.write(b"end")
        upload.finish()
        assert keys_in(store) == {KEY}
        assert store.size(KEY) == 2 * PART + 3

    @pytest.mark.parametrize("size", [0, 5, 2 * PART])
    def test_an_aborted_upload_leaves_nothing(self, store: ObjectStore, size: int) -> None:
        upload = store.upload(KEY, size)
        upload.write(bytes_of(size))
        upload.abort()
        upload.abort()
        assert keys_in(store) == set()
        put(store, KEY, b"now")
        assert read(store, KEY) == b"now"

    def test_an_abort_after_the_end_does_nothing(self, store: ObjectStore) -> None:
        upload = store.upload(KEY, 4)
        upload.write(b"data")
        upload.finish()
        upload.abort()
        assert read(store, KEY) == b"data"

    def test_uploads_side_by_side_do_not_mix(self, store: ObjectStore) -> None:
        keys = [f"{FOLDER}/object-{number}" for number in range(3)]
        uploads = [store.upload(key, PART) for key in keys]
        for piece in range(4):
            for number, upload in enumerate(uploads):
                upload.write(b"%d.%d " % (number, piece))
        for upload in uploads:
            upload.finish()
        assert [read(store, key) for key in keys] == [
            b"".join(b"%d.%d " % (number, piece) for piece in range(4)) for number in range(3)
        ]

    def test_a_reader_may_stop_early(self, store: ObjectStore) -> None:
        data = bytes_of(2 * PART)
        put(store, KEY, data)
        pieces = store.stream(KEY)
        first = next(pieces)
        assert 0 < len(first) <= self.largest_piece
        pieces.close()  # type: ignore[attr-defined] # a generator
        assert read(store, KEY) == data

    def test_many_readers_at_once_get_what_they_ask_for(self, store: ObjectStore) -> None:
        keys = [f"{FOLDER}/{number:03}.json" for number in range(6)]
        for key in keys:
            store.create(key, key.encode())
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(lambda key: read(store, key), keys)) == [key.encode() for key in keys]

    # -- create

    def test_an_object_is_created_once(self, store: ObjectStore) -> None:
        store.create(KEY, b"first")
        if self.refuses_create:
            with pytest.raises(AlreadyStoredError, match=f"{KEY}.*it is there already"):
                store.create(KEY, b"second")
            assert read(store, KEY) == b"first"
        store.create(f"{KEY}.empty", b"")
        assert store.size(f"{KEY}.empty") == 0

    # -- parts

    def test_parts_of_an_object_are_read(self, store: ObjectStore) -> None:
        data = bytes_of(PART + 100)
        put(store, KEY, data)
        if not self.reads_ranges:
            with pytest.raises(StoreError, match="it cannot read parts of objects"):
                store.read_range(KEY, 5, 5)
            return
        for start, length in (
            (0, 1),
            (5, 0),
            (PART - 3, 10),
            (PART + 95, 5),
            (PART + 95, 500),
            (0, 2 * PART),
        ):
            assert store.read_range(KEY, start, length) == data[start : start + length]
        assert store.read_range(KEY, PART + 100, 5) == b""
        assert store.read_range(KEY, PART + 1000, 5) == b""

    # -- absent objects

    def test_an_absent_object_is_said_to_be_absent(self, store: ObjectStore) -> None:
        put(store, f"{KEY}.other", b"x")
        for key in (KEY, f"{FOLDER}/none", "nowhere/at/all"):
            acts: list[Callable[[str], object]] = [store.size, read_of(store), range_of(store)]
            for act in acts:
                with pytest.raises(NotFoundError) as caught:
                    act(key)
                assert "\n" not in str(caught.value)

    def test_a_key_that_could_lead_elsewhere_is_refused(self, store: ObjectStore) -> None:
        keys = [
            "",
            "/etc/passwd",
            "a//b",
            "../a",
            "a/../b",
            "a/./b",
            ".hidden",
            "-o",
            "a/",
            "a\n",
            "a b",
            "ä",
            "a*",
        ]
        for key in keys:
            acts: list[Callable[[str], object]] = [store.size, read_of(store), range_of(store), store.delete]
            for act in acts:
                with pytest.raises(InvalidInputError, match="cannot be the key of an object"):
                    act(key)
            with pytest.raises(InvalidInputError):
                store.create(key, b"")
            with pytest.raises(InvalidInputError):
                store.upload(key, 0)
        assert keys_in(store) == set()

    # -- listing and removing

    def test_a_listing_goes_by_prefix(self, store: ObjectStore) -> None:
        names = ["a/one.json", "a/one.tar", "a/two.json", "ab/one.json", "b/c/d/e.json", "top"]
        for name in names:
            store.create(name, name.encode())
        for prefix in (
            "",
            "a",
            "a/",
            "a/one",
            "a/one.json",
            "ab/",
            "b/c/",
            "b/c/d/e",
            "none/",
            "a/none",
            "t",
        ):
            assert keys_in(store, prefix) == {name for name in names if name.startswith(prefix)}
        assert {s.key: s.size for s in store.objects("")} == {name: len(name) for name in names}

    def test_removed_objects_are_gone_and_others_stay(self, store: ObjectStore) -> None:
        for name in ("a/b/one", "a/b/two", "a/three"):
            store.create(name, b"x")
        store.delete("a/b/one")
        store.delete("a/b/one")
        store.delete("never/was")
        assert keys_in(store) == {"a/b/two", "a/three"}
        store.delete("a/b/two")
        store.create("a/b/one", b"again")
        assert read(store, "a/b/one") == b"again"

    def test_sweeping_keeps_objects(self, store: ObjectStore) -> None:
        store.create(KEY, b"x")
        store.sweep(0)
        assert keys_in(store) == {KEY}

    # -- probing

    def test_a_probe_tells_the_abilities_of_the_store_and_leaves_nothing(self, store: ObjectStore) -> None:
        store.create(KEY, b"x")
        report = probe(store)
        outcomes = {result.trial: not result.trouble for result in report.results}
        assert outcomes == {
            Trial.UPLOAD: True,
            Trial.CREATE: True,
            Trial.CREATE_AGAIN: self.refuses_create,
            Trial.RANGE: self.reads_ranges,
            Trial.LIST: True,
            Trial.DELETE: True,
        }
        assert report.is_usable
        assert all(result.seconds >= 0 for result in report.results)
        assert bool(report.warnings) == (
            not (self.refuses_create and self.reads_ranges) or store.looks_before_create
        )
        assert keys_in(store) == {KEY}

    def test_a_probe_removes_what_an_earlier_one_left(self, store: ObjectStore) -> None:
        for name in ("upload", "create"):
            store.create(f"{LEFTOVERS}0123456789abcdef/{name}", b"x")
        probe(store, keep=-60)
        assert keys_in(store) == set()

    def test_a_url_says_where_the_store_is(self, store: ObjectStore) -> None:
        assert store.url.partition(":")[0] in ("file", "s3", "gs", "az", "rclone", "memory")


def read_of(store: ObjectStore) -> Callable[[str], bytes]:
    return lambda key: read(store, key)


def range_of(store: ObjectStore) -> Callable[[str], bytes]:
    return lambda key: store.read_range(key, 0, 5)
