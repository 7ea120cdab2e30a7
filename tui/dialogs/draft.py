"""A save as it is being chosen, in lines: pure functions of what is there and what was chosen."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from textual.content import Content

from backend import InstalledSnap, InvalidInputError, Save, validate_excludes
from tui.dialogs.base import BAD, DIM, WARN, Line, counted, said
from tui.dialogs.survey import SYSTEM, Size, Sizes, World
from tui.present import cells, plain, size_text

MARGIN = 5 << 20  # the engine wants as much to be left over


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
    "fast": "fast: finish sooner, compress less",
    "accept_changed": "keep files that change while they are read",
    "ignore_space": "start although there may not be room for all of it",
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

    def with_option(self, name: str) -> "Draft":
        """The same with an option on instead of off, or off instead of on."""
        match name:
            case "fast":
                return replace(self, fast=not self.fast)
            case "accept_changed":
                return replace(self, accept_changed=not self.accept_changed)
            case _:
                return replace(self, ignore_space=not self.ignore_space)

    def owners(self, world: World) -> tuple[str, ...]:
        """The system, and the users that were chosen."""
        return (SYSTEM, *(user.name for user in world.users if user.name in self.users))

    def operation(self, world: World, typed: str = "") -> Save:
        """The save that was chosen, with one more pattern as `typed`; all is said by naming none."""
        all_snaps = self.snaps == world.active and world.whole
        all_users = len(self.users) == len(world.users)
        patterns = self.patterns if typed in ("", *self.patterns) else (*self.patterns, typed)
        return Save(
            () if all_snaps else tuple(snap.name for snap in world.snaps if snap.name in self.snaps),
            () if all_users else self.owners(world)[1:],
            patterns,
            self.fast,
            self.accept_changed,
            self.ignore_space,
        )


class Look(NamedTuple):
    """Everything that the lines are told from."""

    world: World
    sizes: Sizes
    draft: Draft
    taken: dict[str, dict[tuple[str, str], int] | None]

    @property
    def chosen(self) -> Size:
        """What the chosen snaps and users come to, as far as it is known."""
        return self.sizes.of(self.draft.snaps, self.draft.owners(self.world))

    @property
    def is_short(self) -> bool:
        """Whether there may not be room."""
        return self.chosen.allocated + MARGIN > self.world.free

    def forecast(self) -> tuple[int, str]:
        """The bytes that will probably be stored, and on what that rests."""
        total, guessed = 0, False
        for snap in self.draft.snaps:
            last = self.world.last_of(snap, self.draft.patterns)
            guessed = guessed or (snap, self.draft.patterns) not in self.world.last
            total += self.sizes.of([snap], self.draft.owners(self.world)).read if last is None else last
        return total, "at most " if guessed else "about "


# -- in words


def lines_of(look: Look) -> list[Line]:
    """Snaps, users, what stays out, options; first what is to be known."""
    lines = [*_findings(look), Line("snaps", said("Snaps", "bold"))]
    width = max((cells(plain(snap.name)) for snap in look.world.snaps), default=0)
    for snap in look.world.snaps:
        lines.append(Line(SnapKey(snap.name), _snap_text(look, snap, width), snap.name in look.draft.snaps))
    lines.append(Line("users", said("Data of", "bold")))
    several = len(look.world.users) > 1
    for user in look.world.users:
        size = look.sizes.of(look.draft.snaps, [user.name])
        text = Content.assemble(f"{plain(user.name):<8}  ", (_size_words(size), DIM))
        lines.append(Line(UserKey(user.name), text, user.name in look.draft.users if several else None))
    lines.append(Line("patterns", said("Left out", "bold")))
    lines += _pattern_lines(look)
    lines.append(Line("options", said("Options", "bold")))
    for name, label in _OPTIONS.items():
        if name != "ignore_space" or look.is_short or look.draft.ignore_space:
            lines.append(Line(OptionKey(name), Content(label), getattr(look.draft, name)))
    return lines


def _findings(look: Look) -> Iterator[Line]:
    texts = [*look.world.findings, *look.sizes.faults(look.draft.snaps, look.draft.owners(look.world))]
    for text in texts:
        yield Line(("finding", text), Content(plain(text)), head=Content.styled("! ", WARN))
    if look.is_short and not look.draft.ignore_space:
        needed, free = size_text(look.chosen.allocated + MARGIN), size_text(look.world.free)
        text = f"there may not be room: up to {needed.strip()} needed, {free.strip()} free; see Options"
        yield Line(("finding", "room"), Content(text), head=Content.styled("✗ ", BAD))


def _snap_text(look: Look, snap: InstalledSnap, width: int) -> Content:
    owners = look.draft.owners(look.world)
    size = look.sizes.of([snap.name], owners)
    words = _size_words(size) if look.sizes.is_known(snap.name) else "…"
    last = look.world.last_of(snap.name, look.draft.patterns)
    before = f"last time {size_text(last).strip()}" if last is not None else "never saved"
    name = plain(snap.name)
    more = "" if snap.active else "  (disabled)"
    return Content.assemble(name, " " * (width - cells(name)), f"  {words:<18}  ", (f"{before}{more}", DIM))


def _size_words(size: Size) -> str:
    return f"{size_text(size.read)} in {counted(size.files, 'file')}" if size.files else "no files"


def _pattern_lines(look: Look) -> Iterator[Line]:
    for pattern in look.draft.patterns:
        taken = look.taken.get(pattern)
        words = "not measured"
        if taken is not None:
            owners = look.draft.owners(look.world)
            total = sum(
                size for (snap, owner), size in taken.items() if snap in look.draft.snaps and owner in owners
            )
            words = f"keeps {size_text(total).strip()} out"
        elif pattern not in look.taken:
            words = "…"
        yield Line(PatternKey(pattern), Content.assemble(plain(pattern), (f"  {words}", DIM)), True)
    if not look.draft.patterns:
        yield Line("nothing", said("nothing but what the snaps themselves leave out", DIM), depth=1)


def summary_of(look: Look) -> Content:
    """What the save comes to."""
    size = look.chosen
    stored, how = look.forecast()
    users = counted(len(look.draft.users), "user")
    head = f"{counted(len(look.draft.snaps), 'snap')}, {users}: {_size_words(size).strip()}"
    if look.sizes.reading:
        head += f" · measuring {plain(look.sizes.reading)}…"
    after = size_text(max(0, look.world.free - stored)).strip()
    free = size_text(look.world.free).strip()
    amount = f"{how}{size_text(stored).strip()} to store · {free} free, {after} after"
    return Content.assemble(head, "\n", (amount, BAD if look.is_short else DIM))


def fault_of(pattern: str) -> str:
    """Why a pattern cannot be taken, or nothing."""
    try:
        validate_excludes([pattern])
    except InvalidInputError as fault:
        return str(fault)
    return ""
