"""What has to do with a repository, carried out by whichever engine answers here."""

from backend.engine.copies.opening import opened_repository
from backend.engine.copies.pruning import prune
from backend.engine.copies.pulling import pull
from backend.engine.copies.pushing import push
from backend.engine.copies.upkeep import check, forget
from backend.engine.protocol import Engine
from backend.operations import CheckCopies, Copying, ForgetCopies, PruneCopies, Pull, Push
from backend.progress import Progress
from backend.results import Result


def copy_sets(operation: Copying, engine: Engine, progress: Progress) -> Result:
    """Carry out what has to do with a repository.

    Raises:
        InvalidInputError: no repository of that name is configured.
        NotFoundError: there is no such set, or no such copy.
        StoreUnreachableError, StoreRefusedError, StoreError: the repository did not do its part.
        Cancelled: the job was stopped.
    """
    with opened_repository(engine, operation.repository) as repository:
        match operation:
            case Push():
                return push(engine, operation, repository, progress)
            case Pull():
                return pull(engine, operation, repository, progress)
            case CheckCopies():
                return check(operation, repository, progress)
            case ForgetCopies():
                return forget(operation, repository, progress)
            case PruneCopies():
                return prune(engine, operation, repository, progress)
