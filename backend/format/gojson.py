"""JSON as snapd's Go reads and writes it: numbers kept as text, output the same to the byte.

Knows nothing of snapshots. Hostile input ends in an IntegrityError, and never in unbounded memory.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from json.decoder import JSONDecodeError, JSONDecoder
from json.encoder import encode_basestring
from typing import NoReturn, TypeAlias

from backend.errors import IntegrityError, InvalidInputError
from backend.model import Json, Number

LIMIT = 4 << 20  # bytes; a value may take fifty times as much memory as its text
DEEPEST = 200  # levels; writing takes two stack frames a level

Writable: TypeAlias = "Json | float | Struct | Sequence[Writable] | Mapping[str, Writable]"


class Struct:
    """An object whose members are written in the order given here, not sorted."""

    __slots__ = ("members",)

    def __init__(self, members: Iterable[tuple[str, Writable]]) -> None:
        self.members = tuple(members)


def loads(raw: bytes, *, limit: int = LIMIT) -> Json:
    """The one JSON value in `raw`; IntegrityError when it is none, longer than `limit` or nested too deeply.

    Numbers keep their literal text. What is not UTF-8 becomes U+FFFD, byte by byte; so does half a
    surrogate pair. Of duplicate keys the last one stays, with its value, at its place.
    """
    if len(raw) > limit:
        raise IntegrityError(f"cannot parse json value: longer than {limit} bytes")
    try:
        value: Json = _DECODER.decode(_text_of(raw))
    except JSONDecodeError as error:
        raise IntegrityError(f"cannot parse json value: {error.msg} at character {error.pos}") from None
    except ValueError as error:
        raise IntegrityError(f"cannot parse json value: {error}") from None
    except RecursionError:
        raise IntegrityError("cannot parse json value: nested too deeply") from None
    if raw.count(b"{") + raw.count(b"[") > DEEPEST and _too_deep(value):
        raise IntegrityError("cannot parse json value: nested too deeply")
    return value


def dumps(value: Writable, *, newer: bool = False) -> str:
    """The text Go writes for a value, without a newline at its end; it can always be encoded as UTF-8.

    Keys are sorted by their UTF-8 bytes unless the object is a Struct. `newer` spells backspace and form
    feed as Go does since 1.22. Raises InvalidInputError for what JSON cannot hold (NaN, infinity).
    """
    try:
        return _escaped(_compact(value, encode_basestring if newer else _quote))
    except RecursionError:
        raise InvalidInputError("cannot write json value: nested too deeply") from None


def members(value: Mapping[str, Json], known: Collection[str]) -> dict[str, Json]:
    """What a Go struct with the fields `known` (in lower case) takes from an object.

    Keys match in any case, the last one wins, null never replaces a value, and other keys are left out.
    """
    taken: dict[str, Json] = {}
    for key, item in value.items():
        name = key if key in known else key.casefold()
        if name not in known:
            continue
        if item is None:
            taken.setdefault(name, None)
        else:
            taken[name] = item
    return taken


def raw_utf8(text: str) -> bytes:
    """The bytes by which Go sorts a text; names that came through os.fsdecode get their own bytes back."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def quoted(text: str, longest: int = 200) -> str:
    r"""The text in double quotes as Go's %q writes it, cut to `longest` characters: safe on any terminal."""
    shown = text if len(text) <= longest else f"{text[:longest]}…"
    return f'"{"".join(map(_quoted_character, shown))}"'


def _quoted_character(character: str) -> str:
    code = ord(character)
    if character in _GO_ESCAPES:
        return _GO_ESCAPES[character]
    if character.isprintable():
        return character
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _text_of(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = re.sub("[\udc80-\udcff]", "\ufffd", raw.decode("utf-8", "surrogateescape"))
    if "\\ud" not in text and "\\uD" not in text:
        return text
    return re.sub(_ESCAPE, lambda escape: "\\ufffd" if escape[1] else escape[0], text)


def _latest(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    value = dict(pairs)
    if len(value) == len(pairs):
        return value
    value.clear()
    for key, item in pairs:
        value.pop(key, None)
        value[key] = item
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _too_deep(value: Json) -> bool:
    level = _holders([value])
    for _ in range(DEEPEST):
        level = [
            inner
            for holder in level
            for inner in _holders(holder.values() if isinstance(holder, dict) else holder)
        ]
    return bool(level)


def _holders(items: Iterable[Json]) -> list[list[Json] | dict[str, Json]]:
    return [item for item in items if isinstance(item, list | dict)]


def _compact(value: Writable, quote: Callable[[str], str]) -> str:
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, Number):
        return value.literal
    if value is None or isinstance(value, int | float):
        return _plain(value)
    if isinstance(value, Struct):
        return _object(value.members, quote)
    if isinstance(value, Mapping):
        return _object([(key, value[key]) for key in _sorted_keys(value)], quote)
    return f"[{','.join([_compact(item, quote) for item in value])}]"


def _object(pairs: Iterable[tuple[str, Writable]], quote: Callable[[str], str]) -> str:
    return f"{{{','.join([f'{quote(key)}:{_compact(item, quote)}' for key, item in pairs])}}}"


def _sorted_keys(value: Mapping[str, object]) -> list[str]:
    return sorted(value) if all(map(str.isascii, value)) else sorted(value, key=raw_utf8)


def _plain(value: float | None) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return _float_text(value) if isinstance(value, float) else str(value)


def _float_text(number: float) -> str:
    """Shortest decimal that reads back the same, in Go's choice of notation."""
    text = repr(number)
    if text.lstrip("-") in ("nan", "inf"):
        raise InvalidInputError(f"cannot write json value: {text} is not a number")
    mantissa, marked, power = text.partition("e")
    if not marked:
        return text.removesuffix(".0")
    exponent = int(power)
    if not 1e-6 <= abs(number) < 1e21:
        return f"{mantissa}e{exponent:+d}"
    sign = "-" if number < 0 else ""
    digits = mantissa.lstrip("-").replace(".", "")
    return sign + (digits.ljust(exponent + 1, "0") if exponent > 0 else f"0.{'0' * (-exponent - 1)}{digits}")


def _quote(text: str) -> str:
    """A text as Go before 1.22 quotes it, but for what `_escaped` does to the whole."""
    if "\b" not in text and "\f" not in text:
        return encode_basestring(text)
    lines = (map(_unquoted, part.split("\f")) for part in text.split("\b"))
    return f'"{_BACKSPACE.join(map(_FORM_FEED.join, lines))}"'


def _unquoted(text: str) -> str:
    return encode_basestring(text)[1:-1]


def _escaped(text: str) -> str:
    """JSON with the characters replaced that can only stand inside its strings."""
    text = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    if text.isascii():
        return text
    text = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    try:
        text.encode()
    except UnicodeEncodeError:
        return re.sub("[\ud800-\udfff]", r"\\ufffd", text)
    return text


_BACKSPACE, _FORM_FEED = "\\u0008", "\\u000c"
_GO_ESCAPES = {'"': '\\"', "\\": "\\\\"}
_GO_ESCAPES |= {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
_PAIR = r"u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
# compiled where it is used: rarely, and compiling takes a while at start-up
_ESCAPE = rf"(?s)\\(?:{_PAIR}|(u[dD][89a-fA-F][0-9a-fA-F]{{2}})|.)"
_DECODER = JSONDecoder(
    object_pairs_hook=_latest, parse_float=Number, parse_int=Number, parse_constant=_refuse
)
