"""Epochs: which formats of data a snap reads and writes, in all the forms metadata know (spec §2.5.2)."""

from backend.errors import IntegrityError
from backend.format.gojson import dumps, members, quoted
from backend.model import Epoch, Json, Number

_MOST = 10
_DEFAULT: Json = {"read": [Number("0")], "write": [Number("0")]}  # nearly every snapshot's
_KEYS = frozenset(("read", "write"))


def parse_epoch(value: Json) -> Epoch:
    """The epoch a JSON value stands for; IntegrityError with snapd's own words where it is none."""
    if value is None or value == _DEFAULT:
        return Epoch()
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, dict):
        return _from_object(members(value, _KEYS))
    raise IntegrityError(f"cannot parse epoch: {quoted(dumps(value))} is neither a text nor an object")


def _from_text(text: str) -> Epoch:
    if text in ("", "0"):
        return Epoch()
    if text == "0*":
        raise IntegrityError("0* is an invalid epoch")
    number = _number(text.removesuffix("*"), text)
    return Epoch((number - 1, number) if text.endswith("*") else (number,), (number,))


def _from_object(lists: dict[str, Json]) -> Epoch:
    if not lists:
        return Epoch()
    given = {name: _numbers(item) for name, item in lists.items()}
    write = given["write"] if "write" in given else given["read"][-1:]
    read = given.get("read", write)
    if set(read).isdisjoint(write):
        raise IntegrityError("epoch read and write lists must have a non-empty intersection")
    return Epoch(read, write)


def _numbers(value: Json) -> tuple[int, ...]:
    if value is None or value == []:
        raise IntegrityError("epoch list cannot be explicitly empty")
    if not isinstance(value, list):
        raise IntegrityError("epoch read/write attributes must be lists of epoch numbers")
    if len(value) > _MOST:
        raise IntegrityError(f"epoch list must not have more than {_MOST} entries")
    numbers = tuple(_element(item) for item in value)
    if list(numbers) != sorted(set(numbers)):
        raise IntegrityError("epoch list must be a strictly increasing sequence")
    return numbers


def _element(value: Json) -> int:
    if isinstance(value, Number):
        return _number(value.literal, value.literal)
    return _number("", dumps(value))


def _number(text: str, shown: str) -> int:
    if not (text.isascii() and text.isdigit()) or (text[0] == "0" and text != "0"):
        raise IntegrityError(f"epoch numbers must be base 10 with no zero padding, but got {quoted(shown)}")
    if len(text) > 10 or (number := int(text)) >= 2**32:
        raise IntegrityError(f"epoch numbers must be less than 2³², but got {quoted(shown)}")
    return number
