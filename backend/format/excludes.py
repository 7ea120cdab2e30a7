"""Patterns that keep data out of a snapshot: checking them, and saying them to tar."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from stat import S_ISREG
from typing import TYPE_CHECKING

from backend.errors import InvalidInputError
from backend.format.gojson import quoted
from backend.model import Revision

if TYPE_CHECKING:
    from yaml.nodes import Node

VARIABLES = ("$SNAP_DATA", "$SNAP_COMMON", "$SNAP_USER_DATA", "$SNAP_USER_COMMON")
MANIFEST_LIMIT = 1 << 20  # bytes
_DEEPEST = 50
_MOST_EVENTS = 10_000  # a mark, a word or a bracket each; a node takes a thousand times its text

_FORBIDDEN = re.compile(r"[\[\]{}?\x00]|\*\*")
_DOLLAR = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*|[*#$@!?0-9-])", re.ASCII)
_TOKEN = re.compile(r"\*|(?:[^*\\]|\\.|\\\Z)+", re.DOTALL)
_LOOSE_END = re.compile(r"(?<!\\)(?:\\\\)*\\\Z")  # a backslash that quotes nothing
_STAR_BEFORE_QUOTED_SLASH = re.compile(r"(?<!\\)(?:\\\\)*\*\\/")
_QUOTED = re.compile(r"\\(.)", re.DOTALL)
_MEANING = re.compile(r"[\\*]")


def validate_excludes(patterns: Iterable[str]) -> None:
    """Check patterns by snapd's rules; also refuse what cannot be an argument of a program.

    Raises:
        InvalidInputError: the first pattern that is not acceptable, in snapd's words.
    """
    for pattern in patterns:
        variable, *components = pattern.split("/")
        shown = quoted(pattern)
        if variable not in VARIABLES:
            known = " ".join(map(quoted, VARIABLES))
            raise InvalidInputError(f"snapshot exclude path must start with one of [{known}] (got: {shown})")
        if any(component in ("", ".", "..") for component in components):
            raise InvalidInputError(f"snapshot exclude path not clean: {shown}")
        if _FORBIDDEN.search(pattern) or not _can_be_said(pattern):
            raise InvalidInputError(f"snapshot exclude path contains invalid characters: {shown}")


def expand(patterns: Iterable[str], revision: Revision, system: bool) -> list[str]:
    """Valid patterns as tar matches them, for the system's archive or a user's, in order."""
    prefix = "SNAP_" if system else "SNAP_USER_"
    values = {f"{prefix}DATA": str(revision), f"{prefix}COMMON": "common"}
    expanded = (_DOLLAR.sub(lambda name: values.get(name[1], "-"), pattern) for pattern in patterns)
    return [pattern for pattern in expanded if not pattern.startswith("-")]


def compiled(expanded: Sequence[str]) -> "re.Pattern[str] | None":
    """What matches the paths that tar leaves out for expanded patterns; None without any.

    A path begins with `common` or the revision; all below what a pattern names is left out as well.
    """
    if not expanded:
        return None
    return re.compile("|".join(f"(?:{_regex(pattern)})" for pattern in expanded), re.DOTALL)


def pattern_of(path: str, revision: Revision, system: bool) -> str:
    """Write the pattern that leaves out just `path` of an archive, and what is below it.

    Raises:
        InvalidInputError: snapd's syntax cannot name that path.
    """
    role, slash, below = path.partition("/")
    variable = f"$SNAP_{'' if system else 'USER_'}{'COMMON' if role == 'common' else 'DATA'}"
    pattern = variable + slash + _MEANING.sub(r"\\\g<0>", below)
    validate_excludes([pattern])
    matcher = compiled(expand([pattern], revision, system))
    if matcher is None or not matcher.match(path):
        raise InvalidInputError(f"no snapshot exclude path can name {quoted(path)}")
    return pattern


def read_manifest(path: str) -> list[str]:
    """The validated exclusions in a snap's `meta/snapshots.yaml`; none when there is no such file.

    Raises InvalidInputError when it cannot be read: not a plain file, over 1 MiB, no YAML, aliases in it,
    or a pattern that is not valid.
    """
    try:
        raw = _content(path)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, ValueError) as error:
        raise _unreadable(str(error)) from error
    patterns = _patterns(raw)
    validate_excludes(patterns)
    return patterns


def _can_be_said(pattern: str) -> bool:
    try:
        os.fsencode(pattern)
    except UnicodeEncodeError:
        return False
    return True


def _regex(pattern: str) -> str:
    """What tar's anchored matching of a pattern means: itself, and everything below."""
    literals = [""]
    for token in _TOKEN.findall(pattern):
        if token == "*":
            literals.append("")
        else:
            literals[-1] = re.escape(_QUOTED.sub(r"\1", token))
    first, *others = literals
    if (others and _LOOSE_END.search(pattern)) or _STAR_BEFORE_QUOTED_SLASH.search(pattern):
        return "(?!)"  # with a star before either, tar matches nothing at all
    # All stars but the last take as little as they can and never reconsider: no pattern is slow to match.
    text = first + "".join(f"(?>[^/]*?{literal})" for literal in others[:-1])
    return text + "".join(f"[^/]*{literal}" for literal in others[-1:]) + r"(?:/.*)?\Z"


def _unreadable(reason: str) -> InvalidInputError:
    return InvalidInputError(f"cannot read snapshot manifest: {reason}")


def _content(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        if not S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError(f"{quoted(path)} is not a plain file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            raw = file.read(MANIFEST_LIMIT + 1)
    finally:
        os.close(descriptor)
    if len(raw) > MANIFEST_LIMIT:
        raise ValueError(f"{quoted(path)} is longer than {MANIFEST_LIMIT} bytes")
    return raw


def _patterns(raw: bytes) -> list[str]:
    """The text of each exclusion, read from the bare nodes: nothing in the file is ever constructed."""
    import yaml

    try:
        root = _first_document(raw)
    except yaml.YAMLError as error:
        raise _unreadable(_first_line(error)) from None
    except ValueError as error:
        raise _unreadable(str(error)) from None
    if root is None:
        raise _unreadable("EOF")
    if not isinstance(root, yaml.MappingNode):
        raise _unreadable("not a mapping")
    patterns: list[str] = []
    for key, value in root.value:
        if isinstance(key, yaml.ScalarNode) and key.value == "exclude":
            patterns = list(_texts(value))
    return patterns


def _first_document(raw: bytes) -> "Node | None":
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    depth = 0
    for count, event in enumerate(yaml.parse(raw, Loader=loader)):
        if isinstance(event, yaml.AliasEvent):
            raise _unreadable("aliases are not accepted")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST or count > _MOST_EVENTS:
            raise _unreadable("too much in it, or nested too deeply")
    return yaml.compose(raw, Loader=loader)


def _texts(value: "Node") -> Iterator[str]:
    import yaml

    if isinstance(value, yaml.ScalarNode) and value.tag == "tag:yaml.org,2002:null":
        return
    if not isinstance(value, yaml.SequenceNode):
        raise _unreadable("exclude is not a list")
    for item in value.value:
        if not isinstance(item, yaml.ScalarNode):
            raise _unreadable("exclude is not a list of texts")
        yield item.value


def _first_line(error: Exception) -> str:
    """What is wrong and where, without the piece of the file that YAML errors quote."""
    problem, mark = getattr(error, "problem", None), getattr(error, "problem_mark", None)
    if problem is None or mark is None:
        return "not a YAML text"
    return f"{problem} in line {mark.line + 1}"
