"""The dialog before a save: what it takes, how big that is, what stays out."""

from collections.abc import Hashable, Iterable
from dataclasses import replace
from typing import ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Button, Input

from backend import Cancelled, Job, Save, SnapshotError, command_line
from tui.dialogs.base import BAD, WARN, Dialog, LineList, counted, said
from tui.dialogs.draft import (
    Draft,
    Look,
    OptionKey,
    PatternKey,
    SnapKey,
    UserKey,
    fault_of,
    lines_of,
    summary_of,
)
from tui.dialogs.survey import Sizes, World, look_around
from tui.place import Place

PERIOD = 0.5
VARIABLES = ("$SNAP_DATA/", "$SNAP_COMMON/", "$SNAP_USER_DATA/", "$SNAP_USER_COMMON/")


class Found(Message):
    """There is a world to save, or trouble."""

    def __init__(self, world: World | None, trouble: str = "") -> None:
        super().__init__()
        self.world = world
        self.trouble = trouble


class Taken(Message):
    """What a pattern leaves out is known."""

    def __init__(self, pattern: str, sizes: dict[tuple[str, str], int] | None) -> None:
        super().__init__()
        self.pattern = pattern
        self.sizes = sizes


class AskSave(Dialog[Save | None]):
    """Lets snaps and users be chosen; answers with the save that was confirmed, or None."""

    KEYS = "Space choose · * all · - none · y copy · Esc leave"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("asterisk", "choose(True)", "All", show=False),
        Binding("minus", "choose(False)", "None", show=False),
    ]

    def __init__(self, place: Place) -> None:
        super().__init__("Save")
        self._place = place
        self._job = Job()
        self._look: Look | None = None
        self._painted: tuple[object, ...] = ()

    def fields(self) -> Iterable[Widget]:
        """Where patterns are typed."""
        suggester = SuggestFromList(VARIABLES, case_sensitive=False)
        hint = "leave out, e.g. $SNAP_COMMON/cache (Enter adds it)"
        yield Input(id="pattern", compact=True, placeholder=hint, suggester=suggester, max_length=4096)

    def answers(self) -> Iterable[Button]:
        """To save, or not."""
        yield Button("Save", id="yes", compact=True, variant="primary", disabled=True)
        yield Button("Cancel", id="no", compact=True)

    def on_mount(self) -> None:
        """Look around."""
        self.lines.focus()
        self.say("")
        self.sum_up("Looking at what is installed… Esc leaves")
        self.show_command(command_line(Save(), self._place.words))
        self._look_around()
        self.set_interval(PERIOD, self._follow)

    def on_unmount(self) -> None:
        """Measure no more."""
        self._job.stop()

    @work(thread=True, group="look")
    def _look_around(self) -> None:
        try:
            self.post_message(Found(look_around(self._place)))
        except (SnapshotError, OSError) as trouble:
            self.post_message(Found(None, str(trouble)))

    def on_found(self, message: Found) -> None:
        """Show what can be chosen and begin to measure it; too late when the dialog was left."""
        if not self.is_open:
            return
        world = message.world
        if world is None or not world.snaps:
            nothing = "No snaps are installed here: there is nothing to save."
            self.sum_up(said(message.trouble or nothing, BAD if message.trouble else WARN))
            self.query_one("#yes", Button).display = False
            return
        users = frozenset(user.name for user in world.users)
        sizes = Sizes(self._place, world)
        self._look = Look(world, sizes, Draft(world.active, users), {})
        self._show()
        if self.focused is self.lines:
            self.query_one("#yes", Button).focus()
        self._measure(sizes)

    @work(thread=True, group="measure")
    def _measure(self, sizes: Sizes) -> None:
        try:
            sizes.measure_all(self._job)
        except Cancelled:
            pass

    def _follow(self) -> None:
        """Show what was measured since; nothing is drawn when nothing changed."""
        if self._look is not None:
            now = (self._look.chosen, self._look.sizes.reading, self._look.sizes.done)
            if now != self._painted:
                self._painted = now
                self._show()

    # -- showing

    def _show(self) -> None:
        look = self._look
        if look is None or not self.is_open:
            return
        self.sum_up(summary_of(look))
        self.show_lines(lines_of(look))
        self.show_command(command_line(self._operation(look), self._place.words))
        button = self.query_one("#yes", Button)
        button.label = Content(f"Save {counted(len(look.draft.snaps), 'snap')}")
        button.refresh(layout=True)
        button.disabled = not look.draft.snaps

    def _operation(self, look: Look) -> Save:
        typed = self.query_one("#pattern", Input).value
        return look.draft.operation(look.world, "" if typed and fault_of(typed) else typed)

    # -- choosing

    def on_line_list_marked(self, message: LineList.Marked) -> None:
        """Choose a line, or take the choice back."""
        if self._look is not None:
            self.say("")
            self._draw_up(self._changed(message.key, self._look))

    def on_line_list_opened(self, message: LineList.Opened) -> None:
        """The same as choosing."""
        self.on_line_list_marked(LineList.Marked(message.key))

    def _changed(self, key: Hashable, look: Look) -> Draft:
        draft = look.draft
        match key:
            case SnapKey(snap):
                return replace(draft, snaps=draft.snaps ^ {snap})
            case UserKey(user) if draft.users == {user}:
                self.say("one user at least has to stay")
            case UserKey(user) if len(look.world.users) > 1:
                return replace(draft, users=draft.users ^ {user})
            case PatternKey(pattern):
                return replace(draft, patterns=tuple(one for one in draft.patterns if one != pattern))
            case OptionKey(name):
                return draft.with_option(name)
        return draft

    def action_choose(self, everything: bool) -> None:
        """Choose all snaps, or none; where the cursor is among the users, all of them."""
        if self._look is None:
            return
        self.say("")
        self.lines.focus()
        world, draft = self._look.world, self._look.draft
        if isinstance(self.lines.cursor_key, UserKey):
            if everything:
                self._draw_up(replace(draft, users=frozenset(user.name for user in world.users)))
            else:
                self.say("one user at least has to stay")
        else:
            self._draw_up(replace(draft, snaps=world.active if everything else frozenset()))

    def _draw_up(self, draft: Draft) -> None:
        if self._look is not None:
            self._look = self._look._replace(draft=draft)
            self._show()

    # -- leaving out

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say at once what is wrong with a pattern."""
        fault = fault_of(event.value) if event.value else ""
        self.say(fault, BAD)
        if self._look is not None:
            self.show_command(command_line(self._operation(self._look), self._place.words))

    @on(Input.Submitted)
    def add_pattern(self, event: Input.Submitted) -> None:
        """Leave out what was typed; without anything typed, go on to the button."""
        if not event.value:
            self.query_one("#yes", Button).focus()
        elif self._look is not None and not fault_of(event.value):
            draft = self._look.draft
            event.input.value = ""
            if event.value not in draft.patterns:
                self._draw_up(replace(draft, patterns=(*draft.patterns, event.value)))
                self._take_out(event.value, self._look.sizes)

    @work(thread=True, group="patterns")
    def _take_out(self, pattern: str, sizes: Sizes) -> None:
        try:
            self.post_message(Taken(pattern, sizes.taken_out(pattern, self._job)))
        except Cancelled:
            pass

    def on_taken(self, message: Taken) -> None:
        """Show what a pattern leaves out."""
        if self._look is not None:
            self._look = self._look._replace(taken={**self._look.taken, message.pattern: message.sizes})
            self._show()

    # -- answering

    @on(Button.Pressed, "#yes")
    def confirm(self) -> None:
        """Answer with what was chosen."""
        box = self.query_one("#pattern", Input)
        if box.value and fault_of(box.value):
            self.say(fault_of(box.value), BAD)
            box.focus()
        elif self._look is not None and self._look.draft.snaps:
            self.dismiss(self._operation(self._look))

    @on(Button.Pressed, "#no")
    def refuse(self) -> None:
        """Save nothing."""
        self.dismiss(None)
