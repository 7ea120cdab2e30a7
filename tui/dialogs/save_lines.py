"""A save as it is being chosen, in lines: pure functions of what is there and what was chosen."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from textual.content import Content

from backend import InvalidInputError, Save
from backend.format import validate_excludes
from backend.fs import RESERVED_SPACE
from backend.host import InstalledSnap
from backend.save import SYSTEM, Aim, LargeFolder, Outlook, SavePreflight, SaveSize, SaveSurveys
from tui.dialogs import save_concerns as saveconcerns
from tui.dialogs.lines import BAD, DIM, Line, key_hint, styled
from tui.dialogs.save_concerns import PathKey, head_of, pattern_for, sign_of
from tui.phrases import count_phrase, list_phrase
from tui.text import amount_text, cells, plain
from tui.views.survey import Met, met_in, worst_of

_LARGEST = 10
_FEW = 3


@dataclass(frozen=True)
class SnapKey:
    """The line of a snap."""

    snap: str


@dataclass(frozen=True)
class UserKey:
    """The line of a user."""

    user: str


@dataclass(frozen=True)
class PatternKey:
    """The line of a pattern that keeps data out."""

    pattern: str


@dataclass(frozen=True)
class OptionKey:
    """The line of an option, by its name in the operation."""

    name: str


_OPTIONS = {
    "fast": "fast: compress less, finish sooner",
    "accept_changed": "accept files that change while they are read",
    "include_mounts": "include what is mounted below the data",
    "ignore_space": "start even if the free space may not suffice",
}


@dataclass(frozen=True)
class Draft:
    """What was chosen so far."""

    snaps: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    patterns: tuple[str, ...] = ()
    fast: bool = False
    accept_changed: bool = False
    ignore_space: bool = False
    include_mounts: bool = False

    def with_option(self, name: str) -> "Draft":
        """The same with an option on instead of off, or off instead of on."""
        match name:
            case "fast":
                return replace(self, fast=not self.fast)
            case "accept_changed":
                return replace(self, accept_changed=not self.accept_changed)
            case "include_mounts":
                return replace(self, include_mounts=not self.include_mounts)
            case _:
                return replace(self, ignore_space=not self.ignore_space)

    def owners(self, preflight: SavePreflight) -> tuple[str, ...]:
        """The system, and the users that were chosen."""
        return (SYSTEM, *(user.name for user in preflight.users if user.name in self.users))

    def operation(self, preflight: SavePreflight, typed: str = "") -> Save:
        """The save that was chosen, with one more pattern as `typed`; all is said by naming none."""
        all_snaps = self.snaps == preflight.active and preflight.whole
        all_users = len(self.users) == len(preflight.users)
        patterns = self.patterns if typed in ("", *self.patterns) else (*self.patterns, typed)
        return Save(
            () if all_snaps else tuple(snap.name for snap in preflight.snaps if snap.name in self.snaps),
            () if all_users else self.owners(preflight)[1:],
            patterns,
            fast=self.fast,
            accept_changed=self.accept_changed,
            ignore_space=self.ignore_space,
            include_mounts=self.include_mounts,
        )


class Look(NamedTuple):
    """Everything that the lines are told from; `opened` are the lines that are unfolded."""

    preflight: SavePreflight
    surveys: SaveSurveys
    draft: Draft
    opened: frozenset[Hashable] = frozenset()

    @property
    def owners(self) -> tuple[str, ...]:
        """The system, and the users that were chosen."""
        return self.draft.owners(self.preflight)

    @property
    def chosen(self) -> SaveSize:
        """What the chosen snaps and users come to, as far as it is known."""
        return self.surveys.sum_of(self.draft.snaps, self.owners)

    @property
    def is_short(self) -> bool:
        """Whether there may not be room."""
        return self.chosen.needed + RESERVED_SPACE > self.preflight.free

    def forecast(self) -> int | None:
        """The bytes that will probably be stored; None where some snap says nothing of it."""
        parts = [self.surveys.forecast(snap, self.owners) for snap in self.draft.snaps]
        known = [part for part in parts if part is not None]
        return sum(known) if len(known) == len(parts) else None

    def outlook(self, snap: str) -> Outlook:
        """How a snap will fare."""
        surveys = self.surveys.all_of([snap], self.owners)
        return worst_of(surveys, accept_changed=self.draft.accept_changed)


# -- in words


def lines_of(look: Look) -> list[Line]:
    """Snaps, users, what stays out, options; first what is to be known."""
    hints = Content.assemble("   ", key_hint("*", "all"), "  ", key_hint("-", "none"))
    concerns = [*_concern_lines(look)]
    lines = [*concerns, Line("snaps", Content.assemble(styled("Snaps", DIM), hints), gap=bool(concerns))]
    width = max((cells(plain(snap.name)) for snap in look.preflight.snaps), default=0)
    for snap in look.preflight.snaps:
        lines.append(Line(SnapKey(snap.name), _snap_text(look, snap, width), snap.name in look.draft.snaps))
        if SnapKey(snap.name) in look.opened:
            lines += _parts_of(look, snap.name)
    lines.append(Line("users", styled("Data of", DIM), gap=True))
    several = len(look.preflight.users) > 1
    for user in look.preflight.users:
        size = look.surveys.sum_of(look.draft.snaps, [user.name])
        text = Content.assemble(f"{plain(user.name):<8}  ", (_size_words(size), DIM))
        lines.append(Line(UserKey(user.name), text, user.name in look.draft.users if several else None))
    lines.append(Line("patterns", styled("Excluded", DIM), gap=True))
    lines += _pattern_lines(look)
    lines.append(Line("options", styled("Options", DIM), gap=True))
    for name, label in _OPTIONS.items():
        if getattr(look.draft, name) or _is_of_use(name, look):
            lines.append(Line(OptionKey(name), Content(label), getattr(look.draft, name)))
    return lines


def _is_of_use(name: str, look: Look) -> bool:
    """Whether an option would change anything."""
    match name:
        case "ignore_space":
            return look.is_short
        case "include_mounts":
            surveys = look.surveys.all_of(look.draft.snaps, look.owners)
            return any(concern.kind == "mount" for survey in surveys for concern in survey.concerns)
        case _:
            return True


def _concern_lines(look: Look) -> Iterator[Line]:
    if look.is_short and not look.draft.ignore_space:
        needed, free = amount_text(look.chosen.needed + RESERVED_SPACE), amount_text(look.preflight.free)
        text = f"the free space may not suffice: up to {needed} needed, {free} free; see Options"
        yield Line(("concern", "room"), Content(text), head=head_of(Outlook.FAILS))
    surveys = look.surveys.all_of(sorted(look.draft.snaps), look.owners)
    met = met_in(surveys, accept_changed=look.draft.accept_changed)
    met += [Met(concern.kind, concern.outlook, plain(concern.text)) for concern in look.preflight.concerns]
    met.sort(key=lambda concern: list(Outlook).index(concern.outlook))
    yield from saveconcerns.lines_of(met, look.opened, look.draft.patterns)


def _snap_text(look: Look, snap: InstalledSnap, width: int) -> Content:
    size = look.surveys.sum_of([snap.name], look.owners)
    size_phrase = _size_words(size) if look.surveys.is_known(snap.name) else "…"
    past = look.preflight.past_of(snap.name, look.draft.patterns)
    before = f"last time {amount_text(past.stored)}" if past else "never saved"
    fold = "▾ " if SnapKey(snap.name) in look.opened else "▸ "
    name = plain(snap.name) + " " * (width - cells(plain(snap.name)))
    more = "" if snap.active else "  (disabled)"
    outlook = look.outlook(snap.name)
    is_bad = outlook in (Outlook.FAILS, Outlook.UNSURE)
    sign = Content.assemble(sign_of(outlook), "  ") if is_bad else ""
    return Content.assemble((fold, DIM), name, f"  {size_phrase:<18}  ", sign, (f"{before}{more}", DIM))


def _parts_of(look: Look, snap: str) -> Iterator[Line]:
    """The owners of a snap's data, and among them its largest folders."""
    surveys = list(look.surveys.all_of([snap], look.owners))
    folders = [(folder, survey) for survey in surveys for folder in survey.largest]
    largest = sorted(folders, key=lambda pair: -pair[0].size)[:_LARGEST]
    for survey in surveys:
        if not (survey.read.files or survey.left_out.files):
            continue
        user = survey.aim.user.name if survey.aim.user else SYSTEM
        size = look.surveys.sum_of([snap], [user])
        text = Content.assemble(f"{plain(survey.owner):<8}  ", (_size_words(size), DIM))
        yield Line(("owner", snap, user), text, depth=2)
        for folder, source in largest:
            if source is survey:
                yield _folder_line(look, survey.aim, folder)
    if not any(survey.read.files or survey.left_out.files for survey in surveys):
        text = styled("nothing to save" if look.surveys.is_known(snap) else "…", DIM)
        yield Line(("owner", snap, None), text, depth=2)


def _folder_line(look: Look, aim: Aim, folder: LargeFolder) -> Line:
    pattern, _ = pattern_for(aim, folder.path)
    others = keepers(folder, look.draft)
    taken = not others and pattern not in look.draft.patterns
    why = "" if taken else "  excluded by the snap" if "" in others else "  excluded"
    user = aim.user.name if aim.user else SYSTEM
    text = Content.assemble(f"{amount_text(folder.size):>8}  ", plain(folder.path), (why, DIM))
    return Line(PathKey("folder", aim.snap.name, user, folder.path), text, taken, depth=3)


def keepers(folder: LargeFolder, draft: Draft) -> list[str]:
    """The patterns that keep a folder out still; the empty text is one that its snap ships."""
    return [pattern for pattern in folder.left_out_by if not pattern or pattern in draft.patterns]


def _size_words(size: SaveSize) -> str:
    text = f"{amount_text(size.read):>8} in {count_phrase(size.files, 'file')}" if size.files else "no files"
    return f"{text}, {amount_text(size.left_out)} excluded" if size.left_out else text


def _pattern_lines(look: Look) -> Iterator[Line]:
    for pattern in look.draft.patterns:
        taken = look.surveys.taken_out(pattern, look.draft.snaps, look.owners)
        effect = "…"
        if taken is not None:
            names = sorted(plain(snap) for snap, size in taken.items() if size)
            what = list_phrase(names) if len(names) <= _FEW else count_phrase(len(names), "snap")
            effect = f"excludes {amount_text(sum(taken.values()))}{f' of {what}' if names else ''}"
        yield Line(PatternKey(pattern), Content.assemble(plain(pattern), (f"  {effect}", DIM)), True)
    shipped = sum(survey.shipped for survey in look.surveys.all_of(look.draft.snaps, look.owners))
    if shipped:
        text = f"the snaps themselves exclude {amount_text(shipped)}"
        yield Line("shipped", styled(text, DIM), depth=1)
    elif not look.draft.patterns:
        yield Line("shipped", styled("only what the snaps themselves exclude", DIM), depth=1)


def summary_of(look: Look) -> Content:
    """What the save comes to."""
    size = look.chosen
    users = count_phrase(len(look.draft.users), "user")
    head = f"{count_phrase(len(look.draft.snaps), 'snap')}, {users}: {_size_words(size).strip()}"
    if look.surveys.reading:
        head += f" · measuring {plain(look.surveys.reading)}…"
    forecast, most = look.forecast(), amount_text(size.read)
    free = look.preflight.free
    after, least = (amount_text(max(0, free - n)) for n in (forecast or 0, size.read))
    if forecast is None or forecast >= size.read:
        amount, room = f"at most {most}", f"at least {least} after"
    else:
        amount = f"about {amount_text(forecast)}, at most {most}"
        room = f"{after} after, at least {least}" if after != least else f"{after} after"
    text = f"{amount} to store · {amount_text(free)} free, {room}"
    return Content.assemble(head, "\n", (text, BAD if look.is_short else DIM))


def answer_of(look: Look) -> str:
    """What Enter does: how many snaps, and how many of them will or may fail."""
    outlooks = [look.outlook(snap) for snap in look.draft.snaps]
    phrases = [f"Save {count_phrase(len(outlooks), 'snap')}"]
    for outlook in (Outlook.FAILS, Outlook.UNSURE):
        if number := outlooks.count(outlook):
            phrases.append(f"{number} {outlook.value}")
    return ", ".join(phrases)


def fault_of(pattern: str) -> str:
    """Why a pattern cannot be taken, or nothing."""
    try:
        validate_excludes([pattern])
    except InvalidInputError as fault:
        return str(fault)
    return ""
