"""How much an archive unpacks to by its own word: read from its ends, nothing is inflated."""

from collections.abc import Callable
from typing import NamedTuple

from backend.archive.gzip.blocks import BLOCK, OWN_HEADER, own_length

_TRAILER = 8
_MODULUS = 1 << 32
_MOST_TO_ONE = 1032  # no deflate stream grows more than that
_SLACK = 1024


class DeclaredSize(NamedTuple):
    """The bytes that an archive declares to unpack to, not verified.

    Not `certain` is one that may be larger: gzip keeps the length modulo 4 GiB, and of the last member only.
    """

    size: int
    certain: bool


def declared_size(pread: Callable[[int, int], bytes], stored: int) -> DeclaredSize:
    """What a gzip file of `stored` bytes declares; `pread(offset, count)` answers with bytes of it.

    Our own blocks are added up. Of anything else the length in the last four bytes is taken, or the
    compressed size if that is larger.
    """
    total = position = 0
    certain = True
    while position < stored:
        length = own_length(pread(position, OWN_HEADER))
        if not 0 < length <= stored - position:
            break
        size = _number(pread(position + length - 4, 4))
        certain = certain and size <= BLOCK
        total += size
        position += length
    rest = stored - position
    if not rest:
        return DeclaredSize(total, certain and stored > 0)
    declared = _number(pread(stored - 4, 4)) if rest >= _TRAILER else 0
    return DeclaredSize(total + max(declared, rest), not position and _is_certain(declared, rest))


def _is_certain(declared: int, stored: int) -> bool:
    """Whether a member of so many bytes can unpack to nothing but what it told."""
    return stored * _MOST_TO_ONE < _MODULUS and stored <= declared + (declared >> 8) + _SLACK


def _number(raw: bytes) -> int:
    return int.from_bytes(raw, "little")
