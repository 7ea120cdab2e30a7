"""The plan of an extraction in lines, and its choices: pure functions of what is known."""

from collections.abc import Hashable, Iterable, Iterator
from typing import NamedTuple

from textual.content import Content

from backend import Extract
from backend.restore import ExtractAction, ExtractPart, ExtractPlan, ExtractTarget, OverwritePolicy
from tui.dialogs.lines import DIM, Line, choice_content, key_hint, label
from tui.dialogs.restore_lines import (
    UNDO,
    drawn,
    target_lines,
    window_content,
)
from tui.phrases import count_phrase
from tui.session.paths import PathListing
from tui.text import amount_text, plain
from tui.views.extract_plan import part_lines, part_title, remark_lines

NAMES = "names"
POLICY = "policy"
_MOST = 300
_POLICY_TEXTS = {
    OverwritePolicy.ALWAYS: "always",
    OverwritePolicy.CHANGED: "if changed",
    OverwritePolicy.NEWER: "if older",
    OverwritePolicy.NEVER: "never",
}
POLICIES = tuple(policy.value for policy in _POLICY_TEXTS)
_ORDER = (ExtractAction.REFUSE, ExtractAction.REPLACE, ExtractAction.MAKE, ExtractAction.SKIP)


class PartKey(NamedTuple):
    """The line of what was selected in one archive; Enter lists all of it."""

    path: str
    entry: str


def lines_of(
    plan: ExtractPlan | None,
    extract: Extract,
    unfolded: frozenset[Hashable],
    completions: PathListing | None = None,
) -> list[Line]:
    """The plan, line by line: where to and how, then every path."""
    lines = [*target_lines(extract.target_dir, completions), *_choices(extract)]
    if plan is None:
        return lines
    for line in remark_lines(plan):
        lines += drawn(line, 0)
    for part in plan.parts:
        lines += _part_lines(part, unfolded)
    return lines


def _choices(extract: Extract) -> Iterator[Line]:
    if extract.target_dir:
        names = [("with their directories", not extract.strip), ("file names only", extract.strip)]
        yield Line(NAMES, choice_content(names), head=label("Names"))
    policies = [(text, policy.value == extract.policy) for policy, text in _POLICY_TEXTS.items()]
    yield Line(POLICY, choice_content(policies), head=label("Replace"))
    yield Line(UNDO, window_content(extract.undo_window), head=label("Undo"))


def _part_lines(part: ExtractPart, unfolded: frozenset[Hashable]) -> Iterator[Line]:
    key = PartKey(part.snapshot.path, f"{part.snapshot.snap} {part.entry}")
    mapped = Content.assemble("   ", key_hint("m", "maps to another")) if part.owner else ""
    into = (f"  into {plain(part.parent)}", DIM)
    yield Line(key, Content.assemble((part_title(part), "bold"), into, mapped), gap=True)
    targets = _shown(part.landings, is_open=key in unfolded)
    if not part.blocked:
        yield Line((key, "sums"), _sums(part, is_open=key in unfolded), depth=2)
    for number, plan_line in enumerate(part_lines(part, targets[:_MOST])):
        yield from (line._replace(key=(key, line.key)) for line in drawn(plan_line, number))
    if len(targets) > _MOST:
        more = f"and {len(targets) - _MOST:,} more paths; --plan on the command line lists them all"
        yield Line((key, "more"), Content.styled(more, DIM), depth=2)


def _shown(targets: Iterable[ExtractTarget], *, is_open: bool) -> list[ExtractTarget]:
    """Conflicts first, then what is replaced; what comes with its directory only on demand."""
    shown = [target for target in targets if is_open or not target.with_above]
    return sorted(shown, key=lambda target: _ORDER.index(target.action))


def _sums(part: ExtractPart, *, is_open: bool) -> Content:
    inner = sum(1 for target in part.landings if target.with_above)
    phrases = [f"{count_phrase(len(part.landings), 'path')}, {amount_text(part.size)}"]
    if inner:
        phrases.append(f"{inner:,} of them inside a selected directory")
    if part.stored:
        phrases.append(f"{amount_text(part.stored)} to read and verify first")
    hint = Content.assemble("   ", key_hint("l", "lists them")) if inner and not is_open else ""
    return Content.assemble((" · ".join(phrases), DIM), hint)


def proof_of(plan: ExtractPlan, extract: Extract) -> str:
    """The number to type where something is replaced that no undo brings back, or nothing.

    It is that of the set, or of a file how many things are replaced.
    """
    replaced = plan.count(ExtractAction.REPLACE)
    return str(extract.set_id or replaced) if replaced and not extract.undo_window else ""


def answer_text(plan: ExtractPlan) -> str:
    """What Enter does."""
    replaced = plan.count(ExtractAction.REPLACE)
    does = f"Restore {count_phrase(plan.count(ExtractAction.MAKE) + replaced, 'path')}"
    return f"{does}, replacing {f'{replaced:,}' if replaced else 'nothing'}"
