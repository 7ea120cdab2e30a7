"""The keys of a screen and what they do, on one page; to be searched by typing."""

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, NamedTuple

from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.dom import DOMNode
from textual.events import Resize
from textual.widgets import Input, Static

from tui.dialogs.answers import Answer, Answers
from tui.dialogs.backdrop import OverStill
from tui.text import plain
from tui.widgets.details import folded

VERBS = "Actions"
MOVES = "Moving and viewing"
SIGNS = "Signs"

_FRAME = 4  # cells on both sides; of lines, one fewer
_NARROWEST, _EXPLAINED = 24, 46  # cells of a column; from which on effects are told
_KEYS, _NAME = 8, 13
_SCROLLBAR = 1
_SIGNS = (
    ("✓", "verified", "every byte read, not long ago"),
    ("~", "old", "verified, but too long ago"),
    ("?", "never", "never verified"),
    ("✗", "failed", "the last check found damage"),
    ("✗", "damaged", "unreadable as a snapshot"),
    ("●", "selected", "verbs act on the selected rows"),
    ("▸ ▾", "closed, open", "Enter, a click, or → and ←"),
    ("▼ ▲", "sorted by", "a click on the heading sorts"),
    ("kB MB", "bytes", "thousands, millions of bytes"),
    ("stored", "compressed", "more when unpacked"),
)


class Entry(NamedTuple):
    """A key, or a sign, and its effect."""

    group: str
    keys: str
    name: str
    effect: str = ""

    def matches(self, terms: Sequence[str]) -> bool:
        """Whether every word is in it."""
        text = f"{self.keys} {self.name} {self.effect}".lower()
        return all(word in text for word in terms)


def entries_of(app: App[object], bindings: Iterable[BindingType], nodes: Sequence[DOMNode]) -> list[Entry]:
    """The bindings as entries: keys of one action together, what the footer shows first."""
    entries: dict[tuple[str, str], Entry] = {}
    for binding in Binding.make_bindings(bindings):
        if not binding.description:
            continue
        key = (binding.action, binding.description)
        shown = plain(app.get_key_display(binding))
        known = entries.get(key)
        if known is not None:
            keys = known.keys if shown in known.keys.split(" ") else f"{known.keys} {shown}"
            entries[key] = known._replace(keys=keys)
        else:
            group = VERBS if binding.show else MOVES
            group = binding.group.description if binding.group and binding.group.description else group
            entries[key] = Entry(
                group, shown, binding.description, binding.tooltip or effect_of(binding, nodes)
            )
    return sorted(entries.values(), key=lambda entry: (entry.group != VERBS, entry.group != MOVES))


def effect_of(binding: Binding, nodes: Sequence[DOMNode]) -> str:
    """What an action says of itself, where one of the nodes has it."""
    name = binding.action.rpartition(".")[2].partition("(")[0]
    for node in nodes:
        action = getattr(node, f"action_{name}", None)
        if action is not None and action.__doc__ and action.__module__.startswith(__package__.split(".")[0]):
            return str(action.__doc__).strip().split("\n")[0].rstrip(".")
    return ""


class Help(OverStill[None]):
    """Explains keys; Esc, or Enter, leaves it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1", "leave", "Close"),
        Binding("down", "scroll(1)", "Down", show=False),
        Binding("up", "scroll(-1)", "Up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
    ]

    def __init__(
        self, title: str, bindings: Iterable[BindingType], facts: Iterable[tuple[str, str]] = ()
    ) -> None:
        """`facts` are pairs of a word and what it stands for here, shown at the end."""
        super().__init__()
        self._title = title
        self._asked = list(bindings)
        self._facts = tuple(facts)
        self._entries: list[Entry] = []

    def compose(self) -> ComposeResult:
        """Where to type, the page, and how to leave."""
        self.foresee()
        with Vertical(classes="dialog", id="help"):
            with Vertical(classes="frame") as frame:
                frame.border_title = Content(f"Help: {plain(self._title)}")
                yield Input(id="search", compact=True, placeholder="search: a key, a word")
                with VerticalScroll(id="help-pages", can_focus=False):
                    yield Static("", id="help-page", markup=False)
            yield Answers([Answer("", "type", "to search")], [Answer("escape", "Esc", "Close")])

    def on_mount(self) -> None:
        """Show all keys."""
        below = self.app.screen_stack[-2] if len(self.app.screen_stack) > 1 else self
        nodes = [below, *below.walk_children(), self.app]
        signs = [Entry(SIGNS, *sign) for sign in _SIGNS]
        self._entries = [*signs, *entries_of(self.app, self._asked, nodes)]
        self.query_one(Input).focus()

    @on(Resize)
    def lay_out(self) -> None:
        """Lay the page out anew."""
        self.query_one(VerticalScroll).styles.max_height = max(1, self.app.size.height - _FRAME + 1)
        self._fill()

    def on_input_changed(self) -> None:
        """Search while typing."""
        self._fill()

    def _fill(self) -> None:
        terms = self.query_one(Input).value.lower().split()
        entries = [entry for entry in self._entries if entry.matches(terms)]
        width, height = self.app.size.width - _FRAME, self.app.size.height - _FRAME + 1
        facts = list(self._folded_facts(terms, width))
        page = page_of(entries, width, max(1, height - len(facts)))
        if not (entries or facts):
            page = [Content(f'no key matches "{plain(" ".join(terms))}"')]
        self.query_one("#help-page", Static).update(Content("\n").join([*page, *facts]))

    def _folded_facts(self, terms: Sequence[str], width: int) -> Iterator[Content]:
        for name, text in self._facts:
            if not Entry("", name, text).matches(terms):
                continue
            for number, line in enumerate(folded(text, width - _KEYS - _SCROLLBAR)):
                yield Content.assemble((f"{'' if number else name:<{_KEYS}}", "bold"), (line, "$text-muted"))

    def on_input_submitted(self) -> None:
        """Leave."""
        self.dismiss(None)

    def action_leave(self) -> None:
        """Close the help."""
        self.dismiss(None)

    def action_scroll(self, by: int) -> None:
        """Scroll by a line."""
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)

    def action_page(self, by: int) -> None:
        """Scroll by a page."""
        pages = self.query_one(VerticalScroll)
        pages.scroll_relative(y=by * max(1, pages.size.height - 1), animate=False)


def page_of(entries: Sequence[Entry], width: int, height: int) -> list[Content]:
    """Entries below their headings, in as few columns as the height asks for and the width allows."""
    for count in range(1, max(1, width // _NARROWEST) + 1):
        column = width // count
        lines = list(_lines(entries, column - 1))
        rows = -(-len(lines) // count)
        if rows <= height:
            break
    lines += [Content("")] * (rows * count - len(lines))
    return [
        Content("").join(line.pad_right(column - line.cell_length) for line in lines[row::rows])
        for row in range(rows)
    ]


def _lines(entries: Sequence[Entry], width: int) -> Iterator[Content]:
    group = ""
    for entry in entries:
        if entry.group != group:
            group = entry.group
            yield Content.styled(plain(group), "bold $accent").truncate(width)
        effect = f" {plain(entry.effect)}" if width >= _EXPLAINED and entry.effect else ""
        keys = f"{entry.keys:<{_KEYS}} "
        name = f"{entry.name:<{_NAME}}" if effect else entry.name
        text = Content.assemble((keys, "bold"), name, (effect, "$text-muted"))
        yield text.truncate(width, ellipsis=True)
