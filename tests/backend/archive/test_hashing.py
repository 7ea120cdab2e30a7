import hashlib
import io
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.archive import hashing
from backend.archive.hashing import HashedRead, agree, digest, in_parallel, verify
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
    read = HashedRead(io.BytesIO(data).read, hashlib.sha3_384())
    assert read(size) == data[:size]
    assert read.finish() == wanted


def test_every_byte_is_counted_and_a_stop_noticed() -> None:
    class Counting(Progress):
        counted = 0

        def advance(self, amount: int) -> None:
            self.counted += amount
            super().advance(amount)

    job = Counting()
    digest(io.BytesIO(bytes(3 << 20)).read, job)
    assert job.counted == 3 << 20
    job.stop()
    with pytest.raises(Cancelled):
        digest(io.BytesIO(bytes(3 << 20)).read, job)
    assert job.counted == 4 << 20


def test_matching_content_is_accepted() -> None:
    verify(
        "it",
        io.BytesIO(b"abc").read,
        size=3,
        declared=hashlib.sha3_384(b"abc").hexdigest(),
        progress=Progress(),
    )


def test_texts_of_the_original() -> None:
    with pytest.raises(IntegrityError, match=r"^entry size \(4\) different from actual \(3\)$"):
        verify("entry", io.BytesIO(b"abc").read, size=4, declared=EMPTY, progress=Progress())
    shown = hashlib.sha3_384(b"abc").hexdigest()[:7]
    with pytest.raises(IntegrityError) as caught:
        verify("entry", io.BytesIO(b"abc").read, size=3, declared=EMPTY, progress=Progress())
    assert str(caught.value) == f"entry expected hash (0c63a75…) does not match actual ({shown}…)"


@pytest.mark.parametrize("declared", [(EMPTY, 1), (EMPTY[:-1] + "5", 0), (EMPTY.upper(), 0), ("", 0)])
def test_nothing_less_than_equality_will_do(declared: tuple[str, int]) -> None:
    with pytest.raises(IntegrityError):
        agree("entry", declared, (EMPTY, 0))


def test_results_are_in_the_order_of_the_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "cores", lambda: 2)
    second_began = threading.Event()

    def first() -> str:
        second_began.wait(10)
        return "first"

    def second() -> str:
        second_began.set()
        return "second"

    assert in_parallel([first, second]) == ["first", "second"]
    assert in_parallel([second]) == ["second"]
    assert in_parallel([]) == []


@pytest.mark.parametrize("cores", [1, 2, 8])
def test_a_failure_is_raised_once_all_have_ended(monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
    monkeypatch.setattr(hashing, "cores", lambda: cores)
    before = threading.active_count()

    def fail() -> None:
        raise IntegrityError("damaged")

    with pytest.raises(IntegrityError, match="damaged"):
        in_parallel([lambda: None, fail, lambda: None])
    assert threading.active_count() == before


def test_at_most_eight_threads() -> None:
    assert 1 <= hashing.cores() <= 8
