import hashlib
import io
import threading
from collections.abc import Callable
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.archive import hashing
from backend.archive.hashing import HashedAside, HashedRead, Read, agree, digest, in_parallel
from backend.errors import Cancelled, IntegrityError
from backend.progress import Progress

EMPTY = "0c63a75b845e4f7d01107d852e4c2485c51a50aaaa94fc61995e71bbee983a2ac3713831264adb47fb6bd1e058d5f004"


def test_the_hash_is_sha3_384() -> None:
    assert digest(io.BytesIO(b"").read, Progress()) == (EMPTY, 0)


@given(st.binary(max_size=4000), st.integers(1, 900))
def test_however_the_pieces_come(data: bytes, size: int) -> None:
    stream = io.BytesIO(data)
    wanted = (hashlib.sha3_384(data).hexdigest(), len(data))
    assert digest(lambda most: stream.read(min(most, size)), Progress()) == wanted
    for read in (HashedRead(io.BytesIO(data).read, hashlib.sha3_384()), _aside_of(data)):
        assert read(size) == data[:size]
        assert read.finish() == wanted


def _aside_of(data: bytes) -> HashedAside:
    return HashedAside(io.BytesIO(data).read, Progress())


def _aside(read: Read, progress: Progress) -> tuple[str, int]:
    with closing(HashedAside(read, progress)) as hashed:
        return hashed.finish()


@pytest.mark.parametrize("take", [digest, _aside])
def test_every_byte_is_counted_and_a_stop_noticed(take: Callable[[Read, Progress], tuple[str, int]]) -> None:
    class Counting(Progress):
        counted = 0

        def advance(self, amount: int) -> None:
            super().advance(amount)
            self.counted += amount

    job = Counting()
    assert take(io.BytesIO(bytes(3 << 20)).read, job)[1] == job.counted == 3 << 20
    job.stop()
    with pytest.raises(Cancelled):
        take(io.BytesIO(bytes(3 << 20)).read, job)
    assert job.counted == 3 << 20


def test_a_hash_taken_aside_keeps_few_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read and is not hashed yet stays bounded, however slow hashing is."""
    hashing_may_go_on = threading.Event()
    read_pieces = []

    class Slow:
        def update(self, _piece: bytes) -> None:
            hashing_may_go_on.wait(10)

        def hexdigest(self) -> str:
            return ""

    monkeypatch.setattr("hashlib.sha3_384", Slow)
    source = io.BytesIO(bytes(20))

    def read(_size: int) -> bytes:
        read_pieces.append(1)
        if len(read_pieces) == 5:
            threading.Timer(0.2, hashing_may_go_on.set).start()
            assert not hashing_may_go_on.is_set()
        elif len(read_pieces) == 6:
            assert hashing_may_go_on.is_set()
        return source.read(1)

    assert _aside(read, Progress()) == ("", 20)


def test_texts_of_the_original() -> None:
    actual = digest(io.BytesIO(b"abc").read, Progress())
    agree("entry", actual, actual)
    with pytest.raises(IntegrityError, match=r"^entry size \(4\) different from actual \(3\)$"):
        agree("entry", (EMPTY, 4), actual)
    with pytest.raises(IntegrityError) as caught:
        agree("entry", (EMPTY, 3), actual)
    assert str(caught.value) == f"entry expected hash (0c63a75…) does not match actual ({actual[0][:7]}…)"


@pytest.mark.parametrize("declared", [(EMPTY, 1), (EMPTY[:-1] + "5", 0), (EMPTY.upper(), 0), ("", 0)])
def test_nothing_less_than_equality_will_do(declared: tuple[str, int]) -> None:
    with pytest.raises(IntegrityError):
        agree("entry", declared, (EMPTY, 0))


def test_results_are_in_the_order_of_the_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "cores", lambda: 2)
    second_began = threading.Event()

    def first(_job: Progress) -> str:
        second_began.wait(10)
        return "first"

    def second(_job: Progress) -> str:
        second_began.set()
        return "second"

    assert in_parallel([first, second], Progress()) == ["first", "second"]
    assert in_parallel([second], Progress()) == ["second"]
    assert in_parallel([], Progress()) == []


@pytest.mark.parametrize("cores", [1, 2, 8])
def test_a_failure_is_raised_once_all_have_ended(monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
    monkeypatch.setattr(hashing, "cores", lambda: cores)
    before = threading.active_count()

    def fail(_job: Progress) -> None:
        raise IntegrityError("damaged")

    with pytest.raises(IntegrityError, match="damaged"):
        in_parallel([lambda _job: None, fail, lambda _job: None], Progress())
    assert threading.active_count() == before


def test_a_failure_stops_the_others_and_is_what_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "cores", lambda: 2)
    began, watched = threading.Event(), threading.Event()
    job = Progress()

    def wait(group: Progress) -> None:
        with group.on_cancel(watched.set):
            began.set()
            assert watched.wait(10)
            group.advance(1)

    def fail(_group: Progress) -> None:
        began.wait(10)
        raise IntegrityError("damaged")

    def never(_group: Progress) -> None:
        pytest.fail("was begun after a failure")

    with pytest.raises(IntegrityError, match="damaged"):
        in_parallel([wait, fail, never], job)
    job.raise_if_cancelled()


def test_a_stop_of_the_job_stops_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "cores", lambda: 2)
    job = Progress()
    began = threading.Barrier(3)
    ended = []

    def wait(group: Progress) -> None:
        stopped = threading.Event()
        with group.part("it") as part, part.on_cancel(stopped.set):
            began.wait(10)
            assert stopped.wait(10)
            ended.append(1)
            part.advance(1)

    def stop() -> None:
        began.wait(10)
        job.stop()

    stopper = threading.Thread(target=stop)
    stopper.start()
    with pytest.raises(Cancelled):
        in_parallel([wait, wait], job)
    stopper.join()
    assert len(ended) == 2


def test_at_most_eight_threads() -> None:
    assert 1 <= hashing.cores() <= 8
