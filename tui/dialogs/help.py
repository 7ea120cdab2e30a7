"""The keys of a screen and what they do, to be searched by typing."""

from collections.abc import Iterable, Sequence
from typing import ClassVar, NamedTuple

from textual.app import App
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.dom import DOMNode
from textual.widget import Widget
from textual.widgets import Input

from tui.dialogs.base import Dialog
from tui.dialogs.field import Field
from tui.dialogs.lines import DIM, Line, LineList
from tui.text import plain

VERBS = "Actions"
MOVES = "Moving, selecting, viewing"
SIGNS = "Symbols"

_WIDE = 60
_NAME = 13
_SIGNS = (
    ("✓ OK", "verified recently"),
    ("~ OLD", "verified, but too long ago"),
    ("? NEVER", "never verified"),
    ("✗ FAILED", "the last check found damage"),
    ("✗ BROKEN", "the file cannot be read as a snapshot"),
    ("● ", "selected: verbs act on all selected rows"),
    ("▸ ▾", "closed, open: Enter, or → and ←"),
    ("kB MB GB", "thousands, millions, billions of bytes"),
    ("stored", "size of the compressed archives; more when unpacked"),
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


class Help(Dialog[None]):
    """Explains keys; Esc, or Enter, leaves it."""

    LEAVES = "Close"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "leave", "Leave", show=False),
    ]

    def __init__(
        self, title: str, bindings: Iterable[BindingType], facts: Iterable[tuple[str, str]] = ()
    ) -> None:
        """`facts` are pairs of a word and what it stands for here, shown above the signs."""
        super().__init__(f"Help: {title}")
        self._asked = list(bindings)
        self._facts = tuple(facts)
        self._entries: list[Entry] = []

    def fields(self) -> Iterable[Widget]:
        """Where to type."""
        yield Field("Search", Input(id="search", compact=True, placeholder="a key, a word"))

    def on_mount(self) -> None:
        """Show all keys."""
        self.say("")
        below = self.app.screen_stack[-2] if len(self.app.screen_stack) > 1 else self
        nodes = [below, *below.walk_children(), self.app]
        signs = [Entry(SIGNS, sign, what) for sign, what in (*self._facts, *_SIGNS)]
        self._entries = [*entries_of(self.app, self._asked, nodes), *signs]
        self._fill("")
        self.query_one("#search", Input).focus()

    def _fill(self, wanted: str) -> None:
        entries = [entry for entry in self._entries if entry.matches(wanted.lower().split())]
        lines = []
        group = ""
        for entry in entries:
            if entry.group != group:
                group = entry.group
                lines.append(Line(group, Content.styled(plain(group), "bold")))
            head, text = _told(entry, wide=self.size.width >= _WIDE)
            lines.append(Line((group, entry.keys, entry.name), text, depth=1, head=head))
        self.show_lines(lines)
        self.say("" if entries else f'no key matches "{plain(wanted)}"')

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search while typing."""
        self._fill(event.value)

    def list_widget(self) -> Widget:
        """The list, which scrolls while one types."""
        return LineList(id="lines", follows=True)

    def action_step(self, by: int) -> None:
        """Move in the list, while what is typed still searches."""
        self.lines.step(by)

    def action_help(self) -> None:
        """Nothing: this is the help."""


def _told(entry: Entry, *, wide: bool) -> tuple[Content, Content]:
    """The key, and beside it what it does; the name of that in a column of its own where there is room."""
    keys, effect = f"{entry.keys:<10} ", plain(entry.effect)
    if not effect:
        return Content.styled(keys, "bold"), Content(entry.name)
    if wide and len(entry.name) <= _NAME:
        return Content.assemble((keys, "bold"), f"{entry.name:<{_NAME}} "), Content.styled(effect, DIM)
    return Content.styled(keys, "bold"), Content.assemble(entry.name, (f": {effect}", DIM))
