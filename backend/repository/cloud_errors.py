"""What a failure of obstore means, in one sentence without a secret.

The library tells most in a text: what the store answered, then a long dump of itself. Both are searched;
neither is shown.
"""

import re

from backend.errors import NotFoundError, SnapshotError
from backend.repository.object_store import (
    AlreadyStoredError,
    StoreError,
    StoreRefusedError,
    StoreUnreachableError,
)

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"(?:<Code>|\(code: )(\w{1,60})")
_CERTIFICATE = re.compile(r"InvalidCertificate\(\s*(\w{1,40})")
_LONGEST_REASON = 200
_REFUSED = ("401", "403")
_REFUSED_CODES = ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken")
_BY_MARK: tuple[tuple[tuple[str, ...], type[SnapshotError], str], ...] = (
    (
        ("NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted", "bucket does not exist"),
        StoreError,
        "there is no such bucket; it has to be made first",
    ),
    (
        ("RequestTimeTooSkewed", "RequestExpired", "Request date header too old", "Not in the valid time"),
        StoreRefusedError,
        "the clock of this machine and that of the store differ",
    ),
    (
        ("169.254.", "metadata.google.internal", "computeMetadata", "latest/api/token"),
        StoreRefusedError,
        "this machine has no role that gives it credentials",
    ),
    (
        ("non-partial response",),
        StoreError,
        "it cannot read parts of objects",
    ),
    (
        ("No space left", "Disk quota exceeded", "QuotaExceeded", "InsufficientStorage"),
        StoreError,
        "no space is left there",
    ),
)
_WHY_SILENT = {
    "ConnectionRefused": "nothing listens there",
    "dns error": "there is no machine of that name",
    "failed to lookup": "there is no machine of that name",
    "TimedOut": "it took too long",
    "Timeout": "it took too long",
    "ConnectionReset": "it broke the connection",
}


def cloud_refusal(action: str, cause: BaseException) -> SnapshotError:
    """Return what to raise for what obstore raised; `action` is what could not be done, and where."""
    text = str(cause)
    for marks, kind, sentence in _BY_MARK:
        if any(mark in text for mark in marks):
            return kind(f"{action}: {sentence}")
    if isinstance(cause, FileNotFoundError):
        return NotFoundError(f"{action}: it is not there")
    return _by_status(action, text) or _by_transport(action, text) or StoreError(f"{action}: {_reason(text)}")


def _by_status(action: str, text: str) -> SnapshotError | None:
    """What it means if the store answered."""
    status, code = _first(_STATUS, text), _first(_CODE, text)
    named = f" ({code})" if code else ""
    if status == "412" or " already exists" in text.split("\n", 1)[0]:
        return AlreadyStoredError(f"{action}: it is there already")
    if status in _REFUSED or code in _REFUSED_CODES:
        return StoreRefusedError(f"{action}: the store does not let these credentials do that{named}")
    if status == "507":
        return StoreError(f"{action}: no space is left there")
    if status.startswith("5") or status == "429":
        return StoreUnreachableError(f"{action}: the store is out of order (it answers {status}{named})")
    return None


def _by_transport(action: str, text: str) -> SnapshotError | None:
    """What it means if no answer came."""
    if fault := _first(_CERTIFICATE, text):
        return StoreUnreachableError(
            f"{action}: its certificate is not trusted ({fault}); ca_file names the authority of one's own"
        )
    if "HTTP error" not in text:
        return None
    reason = next((reason for mark, reason in _WHY_SILENT.items() if mark in text), "")
    return StoreUnreachableError(f"{action}: the store does not answer{reason and ': '}{reason}")


def _first(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match[1] if match else ""


def _reason(text: str) -> str:
    """The last clause of what the library says itself, and the code that the store gave."""
    clause = text.split("\n", 1)[0].rpartition(" - ")[2].rpartition(": <?xml")[0] or text.split("\n", 1)[0]
    code = _first(_CODE, text)
    return f"{clause.strip()[:_LONGEST_REASON]}{f' ({code})' if code else ''}"
