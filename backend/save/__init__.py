"""Making a set: what would be read and met (`survey`), then the archives and their publication.

An archive is written under a temporary name that snapd ignores; all snapshots of a set appear together.
"""

from typing import TYPE_CHECKING

from backend.lazy import lazy_names

if TYPE_CHECKING:
    from backend.save.estimate import estimate_size
    from backend.save.mounted import mounts_of
    from backend.save.preflight import (
        SYSTEM,
        EarlierSave,
        SavePreflight,
        SaveSize,
        SaveSurveys,
        place_concerns,
        preflight_save,
    )
    from backend.save.saver import SaveOptions, save_snap
    from backend.save.survey import (
        Aim,
        Concern,
        Outlook,
        Survey,
        aims,
        concern,
        resurvey,
        survey_of,
        with_changes,
    )
    from backend.save.survey_walk import Glimpse, LargeFolder
else:
    __getattr__ = lazy_names(__name__)
