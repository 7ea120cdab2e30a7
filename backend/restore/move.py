"""One thing put in place and taken back by a rename, recoverable after a crash at any instant."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from backend.errors import ConflictError
from backend.fs import files
from backend.fs.files import Identity
from backend.restore.slots import Slot

_ASIDE = ".aside"
_NO_WAY = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)

Exchange = Callable[[str, int, str, int], bool]


@dataclass(frozen=True)
class Move:
    """`name` in the slot's parent is to become `after`; it was `before`. None is: nothing there.

    Where `kept` is given, that is the name in the slot, and `name` may be a path: it is walked down from the
    parent without following a link, and only the whole state's commit makes it last.
    """

    slot: Slot
    name: str
    before: Identity | None
    after: Identity | None
    kept: str = ""

    @property
    def live(self) -> Identity | None:
        """What is in place now."""
        folder, _, name = self.name.rpartition("/")
        if not folder:
            return files.identity(f"{self.slot.parent}/{name}")
        try:
            with (
                files.opened(self.slot.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) as parent,
                files.opened_below(parent, folder) as fd,
            ):
                return files.identity(name, fd)
        except OSError as cause:
            if cause.errno not in _NO_WAY:
                raise
            return None

    def carry_out(self, exchange: Exchange = files.exchange) -> None:
        """Put `after` in place; done already is fine. ConflictError when something else is there."""
        self._settle(self.after, self.before, exchange)

    def take_back(self, exchange: Exchange = files.exchange) -> None:
        """Put `before` back; never done is fine, and so is a slot that is gone once `before` is back.

        ConflictError when something else is there, unless nothing was: then it is nobody's of ours.
        """
        live = self.live
        if self.before is None and live != self.after:
            return
        if live != self.before or os.path.lexists(self.slot.path):
            self._settle(self.before, self.after, exchange)

    def _settle(self, wanted: Identity | None, other: Identity | None, exchange: Exchange) -> None:
        with self.slot.opened() as (parent, slot), self._folder(parent) as folder:
            live = files.identity(self._name, folder)
            if live == wanted:
                pass
            elif live is None:
                self._bring(wanted, folder, slot)
            elif live != other:
                raise ConflictError(
                    f"cannot change {self.slot.parent}/{self.name}: it was replaced by someone else meanwhile"
                )
            elif wanted is None and files.identity(self._waiting, slot) == live:
                os.unlink(self._name, dir_fd=folder)  # it waits there by its second name already
            elif wanted is None:
                files.rename_new(self._name, folder, self._waiting, slot)
            else:
                self._trade(wanted, folder, slot, exchange)
            self._put_aside_away(slot)
            if not self.kept:
                files.sync_open_directory(slot)
                files.sync_open_directory(folder)

    @contextmanager
    def _folder(self, parent: int) -> Iterator[int]:
        """The directory that `name` is in; ConflictError where it is gone or a link."""
        path = self.name.rpartition("/")[0]
        with ExitStack() as stack:
            try:
                folder = stack.enter_context(files.opened_below(parent, path)) if path else parent
            except OSError as cause:
                if cause.errno not in _NO_WAY:
                    raise
                where = f"{self.slot.parent}/{self.name}"
                raise ConflictError(f"cannot change {where}: its directory was replaced meanwhile") from cause
            yield folder

    @contextmanager
    def located(self, parent: int, slot: int) -> Iterator[tuple[str, int]]:
        """The name of `after` and the open directory that it is in; ConflictError where it is nowhere."""
        for name in (self._waiting, self._aside):
            if files.identity(name, slot) == self.after:
                yield name, slot
                return
        with self._folder(parent) as folder:
            if files.identity(self._name, folder) != self.after:
                raise ConflictError(f"{self.slot.parent}/{self.name} was replaced meanwhile")
            yield self._name, folder

    @property
    def _name(self) -> str:
        return self.name.rpartition("/")[2]

    @property
    def _waiting(self) -> str:
        """What it is called in the slot."""
        return self.kept or self.name

    @property
    def _aside(self) -> str:
        """What the one is called for a moment while it gives way to the other."""
        return f"{self.kept}{_ASIDE}"

    def _put_aside_away(self, slot: int) -> None:
        """Give what a trade left aside its name; what another move of this slot left there is not ours."""
        aside = files.identity(self._aside, slot)
        if aside and aside in (self.before, self.after) and not files.identity(self._waiting, slot):
            files.rename_new(self._aside, slot, self._waiting, slot)

    def _bring(self, wanted: Identity | None, folder: int, slot: int) -> None:
        for kept in (self._waiting, self._aside):
            if files.identity(kept, slot) == wanted:
                files.rename_new(kept, slot, self._name, folder)
                return
        raise ConflictError(
            f"cannot restore {self.slot.parent}/{self.name}: what was kept is not in {self.slot.path}"
        )

    def _trade(self, wanted: Identity | None, folder: int, slot: int, exchange: Exchange) -> None:
        if files.identity(self._aside, slot) == wanted:
            files.rename_new(self._name, folder, self._waiting, slot)
            self._bring(wanted, folder, slot)
        elif files.identity(self._waiting, slot) != wanted:
            self._bring(wanted, folder, slot)
        elif not exchange(self._waiting, slot, self._name, folder):
            files.rename_new(self._name, folder, self._aside, slot)
            files.rename_new(self._waiting, slot, self._name, folder)
