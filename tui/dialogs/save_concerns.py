"""What surveys found, in lines: each can be unfolded, and what it is about be left out."""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass

from textual.content import Content

from backend import InvalidInputError
from backend.format import pattern_of
from backend.save import Aim, Outlook
from tui.dialogs.lines import BAD, DIM, WARN, Line, key_hint, styled
from tui.text import plain
from tui.views.survey import Met, name_of

_NAMED = 20
_SIGNS = {
    Outlook.FAILS: ("✗", BAD),
    Outlook.UNSURE: ("~", WARN),
    Outlook.LOST: ("!", WARN),
    Outlook.LEFT_OUT: ("!", WARN),
    Outlook.HARMLESS: ("·", DIM),
}
_HEAD = 16


@dataclass(frozen=True)
class ConcernKey:
    """The line of a concern."""

    kind: str
    text: str = ""


@dataclass(frozen=True)
class PathKey:
    """The line of a file or directory, below the line of `part`, that can be left out."""

    part: str
    snap: str
    user: str
    path: str


def sign_of(outlook: Outlook) -> Content:
    """A sign and the word for it."""
    sign, style = _SIGNS[outlook]
    return Content.styled(f"{sign} {outlook.value}", style)


def head_of(outlook: Outlook) -> Content:
    """The same as the head of a line."""
    sign, style = _SIGNS[outlook]
    return Content.styled(f"{sign} {outlook.value}".ljust(_HEAD), style)


def lines_of(mets: Iterable[Met], opened: frozenset[Hashable], patterns: tuple[str, ...]) -> Iterator[Line]:
    """The concerns, and what each is about where it is opened."""
    for met in mets:
        key = ConcernKey(met.kind, "" if met.concerns else met.text)
        is_open = key in opened
        hint = key_hint("Space", "excludes one") if is_open else key_hint("l", "lists them")
        more = Content.assemble("   ", hint) if met.concerns else ""
        yield Line(key, Content.assemble(met.text, more), head=head_of(met.outlook))
        if is_open:
            yield from _example_lines(met, patterns)


def _example_lines(met: Met, patterns: tuple[str, ...]) -> Iterator[Line]:
    shown = 0
    for survey, concern in met.concerns:
        for path in concern.examples[: _NAMED - shown]:
            shown += 1
            user = survey.aim.user.name if survey.aim.user else ""
            text = Content.assemble((f"{name_of(survey.aim)}: ", DIM), plain(path))
            pattern, _ = pattern_for(survey.aim, path)
            marked = None if met.outlook in (Outlook.LEFT_OUT, Outlook.LOST) else pattern not in patterns
            yield Line(PathKey(met.kind, survey.aim.snap.name, user, path), text, marked, depth=2)
    if rest := sum(concern.number for _, concern in met.concerns) - shown:
        yield Line((met.kind, ""), styled(f"and {rest} more", DIM), depth=2)


def pattern_for(aim: Aim, path: str) -> tuple[str, str]:
    """The pattern that leaves out a path of an archive; or nothing, and why there is none."""
    try:
        return pattern_of(path, aim.snap.revision, aim.user is None), ""
    except InvalidInputError as fault:
        return "", f"this name cannot be excluded: {fault}"
