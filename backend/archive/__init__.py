"""One snapshot file: a zip of compressed archives, the metadata, and the hashes of all of them.

`Reader.open` reads the metadata and finds the archives; `Reader.check` compares every archive with its
hash; `Reader.stream` yields the bytes of one. `read_export_file` reads an export, a tar of such files, by
its headers. `gzip` holds the compression, `tar` what goes through tar. Nothing in a file is trusted: what
cannot be decoded raises IntegrityError, what is decoded but not valid makes a broken snapshot, with which
nothing can be done. The README beside this file has the facts.
"""

from typing import TYPE_CHECKING

from backend.lazy import lazy_names

if TYPE_CHECKING:
    from backend.archive.export_file import ExportFile, read_export_file
    from backend.archive.gzip.codec import compression_text
    from backend.archive.reader import Reader
else:
    __getattr__ = lazy_names(__name__)
