"""When automatic snapshots go by themselves, as the details tell it."""

import pytest

from backend import Revision, Snapshot, SnapshotSet
from tui.session.inventory import InventoryData
from tui.views.set_details import UNKNOWN, sections_of

WHEN = "2126-11-22T09:09:36.185921212Z"


@pytest.mark.parametrize(
    ("auto", "expiry", "knows", "values"),
    [
        (True, {1: WHEN}, True, ["2126-11-22 09:09"]),
        (True, {}, False, [UNKNOWN]),
        (True, {}, True, []),
        (False, {}, False, []),
    ],
)
def test_expiry_in_the_details(auto: bool, expiry: dict[int, str], knows: bool, values: list[str]) -> None:
    snapshot = Snapshot(1, "2024-01-01T00:00:00Z", "hello", Revision(1), auto=auto, path="/1_hello")
    stock = InventoryData((SnapshotSet(1, (snapshot,)),), expiry=expiry, knows_expiry=knows)
    facts = [fact for section in sections_of([snapshot], stock, [], 0.0) for fact in section.facts]
    assert [fact.text for fact in facts if fact.label == "expires"] == values
