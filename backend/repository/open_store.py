"""Which store a URL means."""

from backend.config.values import RepositoryConfig
from backend.errors import InvalidInputError
from backend.repository.object_store import ObjectStore

SCHEMES = ("file://", "s3://", "gs://", "az://", "rclone:")


def open_store(config: RepositoryConfig) -> ObjectStore:
    """Open the store of a repository; asks nobody yet.

    Raises:
        InvalidInputError: its URL or an option cannot be used, or an extra is missing.
    """
    scheme, _, rest = config.url.partition(":")
    if scheme == "file" and rest.startswith("///"):
        from backend.repository.directory_store import DirectoryStore

        return DirectoryStore(rest[2:].rstrip("/") or "/")
    if scheme in ("s3", "gs", "az") and rest.startswith("//"):
        from backend.repository.cloud_store import open_cloud_store

        return open_cloud_store(config)
    if scheme == "rclone" and ":" in rest:
        from backend.repository.rclone_store import RcloneStore

        return RcloneStore(rest)
    raise InvalidInputError(
        f'repository {config.name}: cannot use "{config.url}": write file:///PATH, s3://BUCKET/PATH, gs://…, '
        "az://… or rclone:REMOTE:PATH"
    )
