"""Which sets the rules keep: so many of the last ones, and the newest of so many hours, days, weeks…"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple

from backend.config import RetentionConfig, span_text
from backend.operations import RetentionRules
from backend.policy.candidates import (
    Candidate,
    Decision,
    Reasons,
    SnapLine,
    lines_of,
    newer_sets,
    protect,
    protect_newest,
    protect_unnamed,
)

NO_RULES = "there are no rules: nothing is pruned"


class _Period(NamedTuple):
    """A rule that keeps the newest set of each of the last periods; sets of one period have one `text`."""

    rule: str
    text: str

    @property
    def field(self) -> str:
        """The rule as `RetentionRules` has it."""
        return f"keep_{self.rule}"


_PERIODS = (
    _Period("hourly", "%Y-%m-%d %H:00"),
    _Period("daily", "%Y-%m-%d"),
    _Period("weekly", "%G-W%V"),
    _Period("monthly", "%Y-%m"),
    _Period("yearly", "%Y"),
)


def decide(
    candidates: Sequence[Candidate],
    retention: RetentionConfig,
    now: float,
    *,
    named: Sequence[str] = (),
    zone: tzinfo | None = None,
) -> list[Decision]:
    """Decide what is kept, in the order of the candidates; `now` is in seconds since the epoch.

    A set is kept when any of its snaps wants it. Rules count the sound sets that people made, and periods
    are those of `zone`, by default the machine's: a day is what people there call one. Whatever the rules:
    kept are the newest and the newest verified set of a snap, what is pinned, what is automatic, and what
    seems to be of the future, so that no jump of a clock lets anything go. With `named`, only sets of these
    snaps go. Without rules nothing does. To decide again on what is kept changes nothing.
    """
    if not _has_rules(retention):
        return [Decision(candidate, True, (NO_RULES,)) for candidate in candidates]
    reasons, lines = Reasons(), lines_of(candidates, now)
    protect(candidates, lines, reasons)
    for line in lines:
        for candidate, reason in _wanted(line, retention.rules_of(line.snap), zone):
            reasons.add(candidate, reason)
    protect_newest(lines, reasons)
    protect_unnamed(candidates, named, reasons)
    newer = newer_sets(lines)
    return [
        _decision(candidate, reasons.of(candidate), newer.get(candidate.id, {})) for candidate in candidates
    ]


def _has_rules(retention: RetentionConfig) -> bool:
    return any(not rules.is_empty for rules in (retention.rules, *retention.snaps.values()))


def _decision(candidate: Candidate, kept_by: tuple[str, ...], newer: Mapping[str, int]) -> Decision:
    if kept_by:
        return Decision(candidate, True, kept_by)
    if candidate.broken:
        return Decision(candidate, False, ("broken, and there is a verified set",))
    fewest = min(newer.values(), default=0)
    count = f", {fewest} newer set{'' if fewest == 1 else 's'}" if fewest else ""
    return Decision(candidate, False, (f"no rule keeps it{count}",))


def _wanted(line: SnapLine, rules: RetentionRules, zone: tzinfo | None) -> Iterator[tuple[Candidate, str]]:
    """The sets of a snap that its rules keep, each with the rule."""
    if rules.is_empty:
        yield from ((candidate, f"no rule for {line.snap}") for candidate in (*line.sound, *line.broken))
        return
    for number, candidate in enumerate(line.sound[: rules.keep_last], 1):
        yield candidate, f"last {number} of {rules.keep_last}"
    for period in _PERIODS:
        yield from _newest_of_each(line, period, getattr(rules, period.field), zone)
    yield from _within(line, rules.keep_within)


def _newest_of_each(
    line: SnapLine, period: _Period, most: int, zone: tzinfo | None
) -> Iterator[tuple[Candidate, str]]:
    """The newest set of each of the last `most` periods that have one."""
    known: set[str] = set()
    for candidate in line.sound:
        if len(known) == most:
            return
        name = datetime.fromtimestamp(max(candidate.time, 0.0), zone).strftime(period.text)
        if name not in known:
            known.add(name)
            yield candidate, f"{period.rule} {name}"


def _within(line: SnapLine, span: int) -> Iterator[tuple[Candidate, str]]:
    """The sets that were made at most so many seconds before the newest one: no clock counts in that."""
    for candidate in line.sound if span else ():
        if candidate.time >= line.sound[0].time - span:
            yield candidate, f"within {span_text(span)} of the newest of {line.snap}"
