"""What differs between two snapshots of a snap, between whole sets, or between one and the data in place.

Add two sides to a `Comparison`, then read `differences`, in the order of paths and within bounded memory; a
`SetComparison` sums them up for each snap.
"""

from typing import TYPE_CHECKING

from backend.lazy import lazy_names

if TYPE_CHECKING:
    from backend.compare.comparison import LIVE, ComparedSide, Comparison, Source
    from backend.compare.differences import (
        Absent,
        Change,
        CompareOptions,
        Difference,
        KeyChange,
        Tally,
        TextDiff,
    )
    from backend.compare.sets import (
        Presence,
        SetComparison,
        Side,
        SnapSummary,
        side_in_place,
        side_of_file,
        side_of_set,
    )
else:
    __getattr__ = lazy_names(__name__)
