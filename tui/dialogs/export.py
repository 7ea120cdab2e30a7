"""The dialog before an export: what of the set, where to, what stands there already."""

import os
from collections.abc import Iterable, Iterator
from typing import ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from backend import Export, SnapshotSet, command_line
from backend.transfer import (
    Destination,
    ExportChoice,
    ExportPlan,
    PresentFile,
    export_destination,
    plan_export,
)
from tui.dialogs.answers import Answer
from tui.dialogs.base import CHOOSE, NO_VERDICT
from tui.dialogs.export_preview import (
    CHECK_FAILED,
    LOOKING,
    Weight,
    export_lines,
    obstacle,
    refusal,
    summary,
    weight_of,
)
from tui.dialogs.field import Field
from tui.dialogs.lines import Line, LineList
from tui.dialogs.operation import Proposing
from tui.dialogs.path import PathDialog
from tui.session.paths import absolute, in_folder
from tui.session.place import Place


class Loaded(Message):
    """What is in the set is known."""

    def __init__(self, plan: ExportPlan) -> None:
        super().__init__()
        self.plan = plan


class Weighed(Message):
    """What the file of an export would weigh is known."""

    def __init__(self, choice: ExportChoice, weight: Weight) -> None:
        super().__init__()
        self.choice = choice
        self.weight = weight


class Placed(Message):
    """Where a typed path leads is known."""

    def __init__(self, typed: str, where: Destination) -> None:
        super().__init__()
        self.typed = typed
        self.where = where


class AskExport(PathDialog[Export | None], Proposing[Export | None]):
    """Asks what of a set to export, and where; answers with the export, its path absolute, or None.

    What `part` holds is chosen at first.
    """

    KEYS = (CHOOSE, Answer("f2", "F2", "browse"))
    ANSWER = "Export"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("asterisk", "choose(True)", "All", show=False),
        Binding("minus", "choose(False)", "None", show=False),
    ]

    def __init__(self, place: Place, part: SnapshotSet) -> None:
        super().__init__(f"Export #{part.set_id}")
        self._place = place
        self._set_id = part.set_id
        self._file_name = f"{part.set_id}.snapshot"
        self._choice = ExportChoice(frozenset(snapshot.path for snapshot in part.snapshots))
        self._plan: ExportPlan | None = None
        self._weight: Weight | None = None
        self._where: Destination | None = None
        self._is_eager = False
        self._walks = False

    def fields(self) -> Iterable[Widget]:
        """The path; below it the question whether to replace what stands there."""
        yield self.new_path("To", in_folder(self._base, self._file_name))
        yield Field("Type yes to replace it", Input(id="sure", compact=True, max_length=3, classes="short"))

    def on_mount(self) -> None:
        """Look at the set, and at where it would go."""
        self.show_field("sure", shown=False)
        self.set_focus(self.path_input)
        self.redraw()
        self._load()
        self._land()

    def action_look(self) -> None:
        """Look at everything anew."""
        super().action_look()
        self._load()
        self._land()

    @property
    def _sure(self) -> Input:
        return self.query_one("#sure", Input)

    # -- looking

    @work(thread=True, exclusive=True, group="load")
    def _load(self) -> None:
        self.post_message(Loaded(plan_export(self._place.engine, self._set_id)))

    @work(thread=True, exclusive=True, group="weigh")
    def _weigh(self, choice: ExportChoice, export: Export) -> None:
        self.post_message(Weighed(choice, weight_of(self._place, export)))

    def _land(self) -> None:
        self._land_in_thread(self.path_input.typed, self._file_name)

    @work(thread=True, exclusive=True, group="land")
    def _land_in_thread(self, typed: str, name: str) -> None:
        path, avoid = absolute(typed, self._base), self._place.engine.layout.snapshots
        self.post_message(Placed(typed, export_destination(path, name, avoid)))

    def on_loaded(self, message: Loaded) -> None:
        """Show what is in the set, and weigh what is chosen of it."""
        if self.is_open:
            self._plan = message.plan
            self._draw_up(self._choice)

    def on_weighed(self, message: Weighed) -> None:
        """Show what it takes."""
        if self.is_open and message.choice == self._choice:
            self._weight = message.weight
            self._looked()

    def on_placed(self, message: Placed) -> None:
        """Show what is there."""
        if self.is_open and message.typed == self.path_input.typed:
            self._where = message.where
            self._looked()

    def _looked(self) -> None:
        """Show what is known; go on where Enter came before it was."""
        self.redraw()
        if self._is_eager:
            self._is_eager = False
            self.say("")
            self._export()

    @on(Input.Changed, "#path")
    def look_there(self) -> None:
        """Look where the path leads now."""
        self._where = None
        self._is_eager = False
        self._sure.value = ""
        self.say("")
        self.redraw()
        self._land()

    # -- walking

    @property
    def is_browsing(self) -> bool:
        """Whether the list shows the directory: when asked to, and while what is typed can go on."""
        typing = self.path_input.is_edited and self._listing is not None and self._listing.goes_on
        return self._walks or typing

    def begin(self) -> None:
        """Show the directory; the file keeps the name that was typed for it."""
        name = os.path.basename(absolute(self.path_input.typed, self._base))
        listing = self._listing
        directories = {entry.name for entry in listing.entries if entry.is_directory} if listing else set()
        if name and not self.is_browsing and name not in directories:
            self._file_name = name
        self._walks = True

    def picked(self, path: str) -> None:
        """Take the name of a file that is there."""
        self._end_walk(path)

    def _end_walk(self, path: str) -> None:
        self._walks = False
        self.path_input.put(path)
        self.redraw()
        self.set_focus(self.path_input)

    def action_leave(self) -> None:
        """Back from the directory to the set; from there leave without an answer."""
        if self._walks:
            self.leave_jumps()
            self._end_walk(in_folder(self._folder(), self._file_name))
        elif self.is_browsing:
            self._end_walk(self.path_input.typed)
        else:
            super().action_leave()

    # -- showing

    def redraw(self) -> None:
        """Show everything as it is now."""
        super().redraw()
        browsing = self.is_browsing
        self.sum_up(self._summary(browsing=browsing))
        self.show_lines(list(self.folder_lines() if browsing else self._lines()))
        self.propose(self._place, self._operation(""))
        self.show_field("sure", shown=bool(self._replaced))
        self._renew_answer()
        if self._where is not None:
            self.show_command(command_line(self._operation(self._where.path), self._place.location_options))

    def _renew_answer(self) -> None:
        """Say in the edge what Enter does by now, and for what it waits."""
        if self._walks and self.focused is self.lines:
            self.answer_with("Open")
            return
        plan = self._plan
        is_doubted = plan is not None and bool(plan.doubts(self._choice))
        does = "" if plan is not None and plan.trouble else "Export anyway" if is_doubted else self.ANSWER
        self.answer_with(does, self._waits(), CHECK_FAILED if is_doubted else NO_VERDICT)

    def _waits(self) -> str:
        """For what the answer waits, in short, or nothing."""
        if self._plan is None or self._where is None:
            return LOOKING
        if refusal(self._plan, self._choice) or self.refusal:
            return "see above" if self._choice.chosen else "choose a snap"
        if self._weight is None:
            return LOOKING
        if obstacle(self._weight, self._where, self._choice):
            return "choose another place"
        return "type yes first" if self._replaced and not self._is_sure else ""

    @property
    def _is_sure(self) -> bool:
        return self._sure.value.lower() == "yes"

    @on(Input.Changed, "#sure")
    def weigh(self) -> None:
        """Enter replaces what is there once that is agreed to."""
        self._renew_answer()

    def on_descendant_focus(self) -> None:
        """In the directory Enter opens."""
        self._renew_answer()

    def _summary(self, *, browsing: bool) -> Content:
        reason = refusal(self._plan, self._choice)
        weight = Weight(trouble=reason) if reason and self._plan is not None else self._weight
        text = summary(weight, self._where, self._choice)
        return Content.assemble(text, "\n", self.folder_text()) if browsing else text

    def _lines(self) -> Iterator[Line]:
        return export_lines(self._plan or ExportPlan(self._set_id), self._where, self._choice)

    # -- choosing

    def _draw_up(self, choice: ExportChoice) -> None:
        """Go on with another choice."""
        self._choice = choice
        self._weight = None
        self._sure.value = ""
        self.say("")
        self.redraw()
        if not refusal(self._plan, choice):
            self._weigh(choice, self._operation(""))

    def on_line_list_marked(self, message: LineList.Marked) -> None:
        """Choose a snap or the checksum, or take the choice back."""
        match message.key:
            case "sums":
                self._draw_up(self._choice._replace(checksum=not self._choice.checksum))
            case ("snap", str(path)) if self._plan is not None and not self._plan.trouble:
                self._draw_up(self._plan.toggled(self._choice, path))

    def action_choose(self, everything: bool) -> None:
        """Choose all snaps that are sound, or none."""
        if self.is_browsing:
            self.say("this key selects snaps: Esc goes back to them")
        elif self._plan is not None:
            self._draw_up(self._choice._replace(chosen=self._plan.sound if everything else frozenset()))

    # -- answering

    @property
    def _replaced(self) -> list[PresentFile]:
        return self._where.replaced(checksum=self._choice.checksum) if self._where else []

    def _operation(self, path: str) -> Export:
        return (self._plan or ExportPlan(self._set_id)).operation(self._choice, path)

    def confirm(self) -> None:
        """Open what the cursor is on in a directory; else answer, or say what is missing."""
        if self.is_browsing and self.focused is self.lines:
            self.open_entry(self.lines.cursor_key)
        else:
            self._export()

    def _export(self) -> None:
        where = self._where
        missing = refusal(self._plan, self._choice) or obstacle(self._weight, where, self._choice)
        if reason := missing or self.refusal:
            self._is_eager = missing == LOOKING
            self.say(reason)
        elif self._replaced and not self._is_sure:
            names = " and ".join(file.name for file in self._replaced)
            self.say(f"{names} would be replaced: type yes, or choose another path")
            self.set_focus(self._sure)
        elif where is not None:
            self.dismiss(self._operation(where.path))
