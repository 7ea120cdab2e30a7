"""A table over more rows than anyone wants in memory: they come page by page, as they are seen."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar, overload

from textual.geometry import Size
from textual.message import Message

from tui.views.table import Line, Row
from tui.widgets.table import LineTable

PAGE = 200
_KEPT = 50

Thing = TypeVar("Thing")


class Unread(NamedTuple):
    """A row that did not come yet."""

    number: int


class Pages(Sequence[Row], Generic[Thing]):
    """`count` things in pages of `PAGE`, as rows; a page that is missing is asked for once, by its number.

    Only the pages that were used last are kept.
    """

    def __init__(
        self, count: int, row_of: Callable[[Thing], Row], ask: Callable[["Pages[Thing]", int], None]
    ) -> None:
        self._count = count
        self._row_of = row_of
        self._ask = ask
        self._pages: OrderedDict[int, Sequence[Thing]] = OrderedDict()
        self._asked: set[int] = set()

    def put(self, page: int, things: Sequence[Thing]) -> None:
        """Here is what stands on a page."""
        self._pages[page] = things
        self._pages.move_to_end(page)
        self._asked.discard(page)
        if len(self._pages) > _KEPT:
            self._pages.popitem(last=False)

    def missed(self, page: int) -> None:
        """A page did not come; it may be asked for again."""
        self._asked.discard(page)

    def thing(self, number: int) -> Thing | None:
        """What stands there; None where that did not come yet."""
        page, at = divmod(number, PAGE)
        things = self._pages.get(page, ())
        return things[at] if 0 <= at < len(things) else None

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(self._count))]
        if not 0 <= index < self._count:
            raise IndexError(index)
        page = index // PAGE
        if page in self._pages:
            self._pages.move_to_end(page)
        elif page not in self._asked:
            self._asked.add(page)
            self._ask(self, page)
        thing = self.thing(index)
        return _unread(index) if thing is None else self._row_of(thing)


def _unread(number: int) -> Row:
    return Row(Unread(number), lambda: Line(("…",), ("dim",)))


class PagedTable(LineTable):
    """Shows `Pages`. Marks stay when others are shown; what `refuses` gives a reason for is not marked."""

    class Refused(Message):
        """Something cannot be marked, and why."""

        def __init__(self, reason: str) -> None:
            super().__init__()
            self.reason = reason

    class AllWanted(Message):
        """Everything in sight and out of it is to be marked."""

    refuses: Callable[[Hashable], str] = staticmethod(lambda _key: "")

    @property
    def at(self) -> int:
        """The number of the row under the cursor."""
        return self._at

    def show_pages(self, pages: Pages[Any], at: int, *, same: bool = False) -> None:
        """Show other rows with the cursor on one of them; it stays where it is drawn if it is the `same`."""
        key, before, top = self.cursor_key, self._lines, int(self.scroll_offset.y)
        moved = at - self._at if same else 0
        self._lines = pages
        self._at = max(0, min(at, len(pages) - 1))
        self.virtual_size = Size(self.size.width, len(pages) + 1)
        if moved and top + moved > 0:
            self.scroll_to(y=top + moved, animate=False, force=True)
        if self._reveal() or moved or not same or not self._is_like(before):
            self._drawn.clear()
            self.refresh()
        else:
            self._refresh_changed()
        if self.cursor_key != key or not same:
            self.post_message(self.Moved(self.cursor_key, by_key=False))

    def page_came(self) -> None:
        """Draw the rows that came."""
        self._refresh_changed()
        self.post_message(self.Moved(self.cursor_key, by_key=False))

    def mark(self, keys: Sequence[Hashable]) -> None:
        """Mark these as well."""
        self.marked |= set(keys)
        self.refresh()
        self.post_message(self.Moved(self.cursor_key))

    def action_mark(self) -> None:
        """Mark the row, or take its mark away, and go on to the next."""
        key = self.cursor_key
        if key is None or isinstance(key, Unread):
            return
        reason = "" if key in self.marked else self.refuses(key)
        if reason:
            self.post_message(self.Refused(reason))
        else:
            super().action_mark()

    def action_mark_all(self) -> None:
        """Mark every row."""
        self.post_message(self.AllWanted())
