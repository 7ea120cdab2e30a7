"""The plan of an extraction in words: pure functions from what is known to lines."""

import time
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple

from textual.content import Content

from backend import Extract
from backend.restore import ExtractAction, ExtractPart, ExtractPlan, ExtractTarget, OverwritePolicy
from tui.dialogs.base import BAD, DIM, GOOD, WARN, Line
from tui.dialogs.restore_lines import window_text, windows
from tui.phrases import count_phrase
from tui.session.paths import PathListing
from tui.text import plain, size_text

PLACE = "place"
NAMES = "names"
POLICY = "policy"
UNDO = "undo window"
_MOST = 300
_FITTING = 6
_POLICIES = {
    OverwritePolicy.ALWAYS: "always",
    OverwritePolicy.CHANGED: "if changed",
    OverwritePolicy.NEWER: "if older",
    OverwritePolicy.NEVER: "never",
}
_ORDER = (ExtractAction.REFUSE, ExtractAction.REPLACE, ExtractAction.MAKE, ExtractAction.SKIP)
_HEADS = {
    ExtractAction.REFUSE: ("conflict ", BAD),
    ExtractAction.REPLACE: ("replace  ", WARN),
    ExtractAction.MAKE: ("create   ", GOOD),
    ExtractAction.SKIP: ("keep     ", DIM),
}


class PartKey(NamedTuple):
    """The line of what was marked in one archive; Enter lists all of it."""

    path: str
    entry: str


class View(NamedTuple):
    """What an extraction would do, once that is known; `refused` is why it cannot be had here at all."""

    plan: ExtractPlan | None = None
    refused: str = ""
    done: int = 0
    total: int = 0


def lines_of(
    view: View, wanted: Extract, opened: frozenset[Hashable], fitting: PathListing | None = None
) -> list[Line]:
    """The plan, line by line: where to and how, then every path."""
    lines = [*_choices(wanted, fitting)]
    plan = view.plan
    if plan is None:
        return lines
    for reason in plan.blocked:
        lines.append(Line(("blocked", reason), Content(plain(reason)), head=_styled("blocked  ", BAD)))
    for note in plan.notes:
        lines.append(Line(("note", note), Content(plain(note)), head=_styled("note     ", DIM)))
    for part in plan.parts:
        lines += _part_lines(part, opened)
    return lines


def _choices(wanted: Extract, fitting: PathListing | None) -> Iterator[Line]:
    places = (("in place", not wanted.target_dir), ("into another directory", bool(wanted.target_dir)))
    yield Line(PLACE, _options(places), head=_bold("Target"))
    if wanted.target_dir:
        if fitting is not None and fitting.goes_on:
            names = [f"{plain(entry.name)}{'/' * entry.is_directory}" for entry in fitting.entries[:_FITTING]]
            yield Line("fits", Content.styled(f"Tab completes: {'  '.join(names)}", DIM), depth=2)
        names_kept = (("with their directories", not wanted.strip), ("file names only", wanted.strip))
        yield Line(NAMES, _options(names_kept), head=_bold("Names"))
    policies = [(text, policy.value == wanted.policy) for policy, text in _POLICIES.items()]
    yield Line(POLICY, _options(policies), head=_bold("Replace"))
    yield Line(UNDO, _undo_text(wanted), head=_bold("Undo"))


def _undo_text(wanted: Extract) -> Content:
    options = [(window_text(window), window == wanted.undo_window) for window in windows(wanted.undo_window)]
    until = time.strftime("%a %H:%M", time.localtime(time.time() + wanted.undo_window))
    return Content.assemble(_options(options), f"  until {until}" if wanted.undo_window else "")


def _part_lines(part: ExtractPart, opened: frozenset[Hashable]) -> Iterator[Line]:
    key = PartKey(part.snapshot.path, f"{part.snapshot.snap} {part.entry}")
    owner = part.owner or "system"
    title = Content.assemble(
        (f"{plain(part.snapshot.snap)}, {plain(owner)}", "bold"), (f"  into {plain(part.parent)}", DIM)
    )
    yield Line(key, title)
    if part.blocked:
        yield Line((key, "blocked"), Content(plain(part.blocked)), depth=2, head=_styled("blocked  ", BAD))
        return
    yield Line((key, "sums"), _sums(part, is_open=key in opened), depth=2)
    shown = part.landings if key in opened else [known for known in part.landings if not known.with_above]
    for landing in _ordered(shown)[:_MOST]:
        head, style = _HEADS[landing.action]
        yield Line((key, landing.name), _landing_text(landing), depth=2, head=_styled(head, style))
    if len(shown) > _MOST:
        more = f"and {len(shown) - _MOST:,} more paths; --plan on the command line lists them all"
        yield Line((key, "more"), Content.styled(more, DIM), depth=2)


def _ordered(landings: Iterable[ExtractTarget]) -> list[ExtractTarget]:
    """Conflicts first, then what is replaced."""
    return sorted(landings, key=lambda landing: _ORDER.index(landing.action))


def _sums(part: ExtractPart, *, is_open: bool) -> Content:
    inner = sum(1 for landing in part.landings if landing.with_above)
    phrases = [f"{count_phrase(len(part.landings), 'path')}, {size_text(part.size).strip()}"]
    if inner:
        phrases.append(f"{inner:,} of them inside a selected directory{'' if is_open else ' (l lists)'}")
    if part.stored:
        phrases.append(f"{size_text(part.stored).strip()} to read and verify first")
    return Content.styled(" · ".join(phrases), DIM)


def _landing_text(landing: ExtractTarget) -> Content:
    size = f"  {size_text(landing.size).strip()}" if landing.kind == "file" else f"  {landing.kind}"
    if landing.action is ExtractAction.REPLACE and landing.present is not None:
        size += f" (now {size_text(landing.present).strip()})"
    newer = (
        ("  the present one is NEWER", WARN)
        if landing.is_older and landing.action is ExtractAction.REPLACE
        else ""
    )
    reason = f"  {plain(landing.reason)}" if landing.reason else ""
    style = BAD if landing.action is ExtractAction.REFUSE else DIM
    return Content.assemble(plain(landing.name), (size, DIM), newer, (reason, style))


def _options(options: Sequence[tuple[str, bool]]) -> Content:
    """What can be chosen on a line, the chosen one in brackets."""
    parts = [(f"({text})" if is_it else f" {text} ", "bold" if is_it else DIM) for text, is_it in options]
    return Content.assemble(*parts, ("  Space changes", DIM))


def _bold(word: str) -> Content:
    return Content.styled(f"{word:<9}", "bold")


def _styled(word: str, style: str) -> Content:
    return Content.styled(word, style)


def next_policy(wanted: Extract) -> str:
    """The policy after the present one."""
    values = [policy.value for policy in _POLICIES]
    return values[(values.index(wanted.policy) + 1) % len(values)]


def replaced(plan: ExtractPlan) -> int:
    """How many things that are there would be replaced."""
    return plan.count(ExtractAction.REPLACE)


def is_final(plan: ExtractPlan, wanted: Extract) -> bool:
    """Whether a number has to be typed: something would be replaced that no undo brings back."""
    return bool(replaced(plan)) and not wanted.undo_window


def proof_of(plan: ExtractPlan, wanted: Extract) -> str:
    """The number to type: that of the set, or of a file how many things are replaced."""
    return str(wanted.set_id or replaced(plan))


def answer_text(plan: ExtractPlan, wanted: Extract) -> str:
    """What the button says it does."""
    taken = plan.count(ExtractAction.MAKE) + plan.count(ExtractAction.REPLACE)
    does = f"Restore {count_phrase(taken, 'path')}"
    if gone := replaced(plan):
        undo = f", undo for {window_text(wanted.undo_window)}" if wanted.undo_window else ", no undo"
        return f"{does}, replacing {gone:,}{undo}"
    return f"{does}, replacing nothing"
