"""Sets as streams: exports that snapd imports, imports of what snapd exports.

An export's size is known before its first byte. An import is staged, verified, and published whole or not
at all.
"""

from typing import TYPE_CHECKING

from backend.lazy import lazy_names

if TYPE_CHECKING:
    from backend.transfer.destination import (
        CHECKSUM,
        Destination,
        DestinationObstacle,
        PresentFile,
        export_destination,
        kind_of,
    )
    from backend.transfer.export_plan import ExportChoice, ExportObstacle, ExportPlan, plan_export
    from backend.transfer.exporter import SnapshotExport
    from backend.transfer.import_plan import (
        ImportChoice,
        ImportObstacle,
        ImportPlan,
        InstalledHere,
        plan_import,
    )
    from backend.transfer.importer import IncomingSet, import_set
    from backend.transfer.output import output_at
else:
    __getattr__ = lazy_names(__name__)
