"""What snapd cannot do, told before anything is begun."""

from backend.engine.snapd import check as checking
from backend.engine.snapd import save as saving
from backend.engine.snapd import services, transfer
from backend.engine.snapd.context import SnapdContext
from backend.operations import Check, Export, Extract, Import, Operation, Restore, Save


def refusal_of(site: SnapdContext, operation: Operation) -> str:
    """Why an operation with these very options cannot be had through snapd, or nothing.

    What depends on the data themselves (the revision that a restore goes onto) is for its plan to tell.
    """
    match operation:
        case Save():
            return saving.refusal(site, operation)
        case Restore():
            return services.refusal(operation)
        case Import():
            return transfer.refusal(operation)
        case Check() | Export() if site.reads_files:
            return ""
        case Check():
            return checking.check_refusal(operation)
        case Export():
            return transfer.export_refusal(operation)
        case Extract():
            return site.files.refusal_of(operation)
        case _:
            return ""
