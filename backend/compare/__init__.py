"""What differs between two snapshots of a snap, or one and the data in place.

Add two sides to a `Comparison`, then read `differences`, in the order of paths and within bounded memory.
"""

from typing import TYPE_CHECKING

from backend.lazy import lazy_names

if TYPE_CHECKING:
    from backend.compare.comparison import ComparedSide, Comparison
    from backend.compare.differences import (
        Absent,
        Change,
        CompareOptions,
        Difference,
        KeyChange,
        Tally,
        TextDiff,
    )
else:
    __getattr__ = lazy_names(__name__)
