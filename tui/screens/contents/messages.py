"""What walking in a file of archives asks for and gets: plain values, messages, and the loading itself."""

from collections.abc import Mapping
from typing import NamedTuple

from textual.message import Message

from backend import SnapshotError
from backend.browse import Order
from tui.session.open_file import SYSTEM, Folder, Item, Location, Opened
from tui.session.place import Place
from tui.widgets.paged_table import PAGE, Pages

_MARGIN = 60


class FolderRequest(NamedTuple):
    """The folder to show, in an order, the cursor at a number or, where that exists, on `anchor`.

    `was` is the number that the cursor was at when that was asked for; -1 where it was elsewhere.
    """

    location: Location
    order: Order
    at: int = 0
    anchor: Location | None = None
    was: int = -1


class FileOpened(Message):
    """The file is open."""

    def __init__(self, opened: Opened) -> None:
        super().__init__()
        self.opened = opened


class FolderPage(NamedTuple):
    """What is in a place, where the cursor belongs, and the pages about that.

    `places` tell where the data of each archive belong on this machine. The look took so many seconds.
    """

    folder: Folder
    at: int
    pages: Mapping[int, list[Item]]
    places: Mapping[str, str]
    took: float


class FolderLoaded(Message):
    """A folder was read."""

    def __init__(self, request: FolderRequest, page: FolderPage) -> None:
        super().__init__()
        self.request = request
        self.page = page


class PageLoaded(Message):
    """A page that was asked for; None where it is not available."""

    def __init__(self, pages: Pages[Item], page: int, items: list[Item] | None) -> None:
        super().__init__()
        self.pages = pages
        self.page = page
        self.items = items


class ArchiveRead(Message):
    """An archive was read to its end, or as far as that goes."""


class ReadFailed(Message):
    """Something could not be read."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


def load_folder(opened: Opened, request: FolderRequest) -> tuple[Folder, int, dict[int, list[Item]]]:
    """What is in a place, where the cursor belongs, and the pages about that. Raises SnapshotError."""
    folder = opened.folder(request.location)
    at = request.at
    if request.anchor is not None:
        position = opened.find(request.anchor, request.order, request.at)
        at = request.at if position is None else position
    at = max(0, min(at, folder.entries - 1))
    pages = {}
    for page in {max(0, at - _MARGIN) // PAGE, at // PAGE, (at + _MARGIN) // PAGE}:
        pages[page] = opened.listing(request.location, request.order, page * PAGE, PAGE)
    return folder, at, pages


def parents_of(place: Place, opened: Opened, location: Location) -> dict[str, str]:
    """Where the data of each archive of a snapshot belong on this machine, as far as that is known."""
    if location.held < 0:
        return {}
    snapshot, layout = opened.snapshot(location), place.engine.layout
    parents = {}
    for archive in opened.inside.held[location.held].archives:
        user = archive.entry.removeprefix("user/").removesuffix(".tgz")
        try:
            if archive.entry == SYSTEM:
                parents[SYSTEM] = layout.system_parent(snapshot.snap)
            else:
                parents[archive.entry] = layout.user_parent(layout.find_users([user])[0], snapshot.snap)
        except (SnapshotError, OSError, IndexError):
            parents[archive.entry] = f"{archive.entry}:"
    return parents
