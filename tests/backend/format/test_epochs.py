import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import IntegrityError
from backend.format.gojson import Struct, dumps, loads
from backend.format.metadata import parse_epoch
from backend.model import Epoch

lists = st.sets(st.integers(0, 2**32 - 1), min_size=1, max_size=9).map(sorted).map(tuple)


@pytest.mark.parametrize(
    ("raw", "read", "write"),
    [
        *(
            (raw, (0,), (0,))
            for raw in ("null", '"0"', '""', "{}", '{"other":1}', '{"read":[0],"write":[0]}')
        ),
        ('"7"', (7,), (7,)),
        ('"4294967295"', (4294967295,), (4294967295,)),
        ('"1*"', (0, 1), (1,)),
        ('"10*"', (9, 10), (10,)),
        ('{"read":[1]}', (1,), (1,)),
        ('{"read":[1,2]}', (1, 2), (2,)),
        ('{"write":[2]}', (2,), (2,)),
        ('{"write":[1,2]}', (1, 2), (1, 2)),
        ('{"READ":[1,2],"Write":[2],"x":null}', (1, 2), (2,)),
        ('{"read":[0,1,2,3,4,5,6,7,8,9],"write":[9]}', tuple(range(10)), (9,)),
    ],
)
def test_forms(raw: str, read: tuple[int, ...], write: tuple[int, ...]) -> None:
    assert parse_epoch(loads(raw.encode())) == Epoch(read, write)


PADDED = "epoch numbers must be base 10 with no zero padding, but got "


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ('"0*"', "0* is an invalid epoch"),
        ('"01"', f'{PADDED}"01"'),
        ('"-1"', f'{PADDED}"-1"'),
        ('"x"', f'{PADDED}"x"'),
        ('"*"', f'{PADDED}"*"'),
        ('"1**"', f'{PADDED}"1**"'),
        ('"²"', f'{PADDED}"²"'),
        ('"4294967296"', 'epoch numbers must be less than 2³², but got "4294967296"'),
        ('{"read":[4294967296]}', 'epoch numbers must be less than 2³², but got "4294967296"'),
        ('{"read":[],"write":[1]}', "epoch list cannot be explicitly empty"),
        ('{"read":[1],"write":null}', "epoch list cannot be explicitly empty"),
        ('{"read":[2,1]}', "epoch list must be a strictly increasing sequence"),
        ('{"read":[1,1]}', "epoch list must be a strictly increasing sequence"),
        ('{"read":[0,1,2,3,4,5,6,7,8,9,10]}', "epoch list must not have more than 10 entries"),
        ('{"read":[1],"write":[2]}', "epoch read and write lists must have a non-empty intersection"),
        ('{"read":["1"]}', f'{PADDED}"\\"1\\""'),
        ('{"read":[1.0]}', f'{PADDED}"1.0"'),
        ('{"read":[-1]}', f'{PADDED}"-1"'),
        ('{"read":[null]}', f'{PADDED}"null"'),
        ('{"read":[[1]]}', f'{PADDED}"[1]"'),
        ('{"read":1}', "epoch read/write attributes must be lists of epoch numbers"),
        ('{"write":"1"}', "epoch read/write attributes must be lists of epoch numbers"),
        ("1", 'cannot parse epoch: "1" is neither a text nor an object'),
        ("[1]", 'cannot parse epoch: "[1]" is neither a text nor an object'),
        ("true", 'cannot parse epoch: "true" is neither a text nor an object'),
    ],
)
def test_errors(raw: str, text: str) -> None:
    with pytest.raises(IntegrityError, match=f"^{re.escape(text)}$"):
        parse_epoch(loads(raw.encode()))


def test_endless_digits_are_refused_without_reading_them() -> None:
    with pytest.raises(IntegrityError, match="must be less than"):
        parse_epoch("9" * 100_000)


@given(lists, lists)
def test_round_trip(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    read = tuple(sorted({*first[:5], second[0]}))
    text = dumps(Struct([("read", read), ("write", second)]))
    assert parse_epoch(loads(text.encode())) == Epoch(read, second)
