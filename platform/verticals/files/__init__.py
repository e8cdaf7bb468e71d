"""How anything reaches the disk whole or not at all: atomic folders and files, checksums, locks.

Every room that keeps files writes them through here, so a kill at any moment leaves the old state or the new one.
"""

from .atomic import explained, flush, numbered_folders, publish_folder, remove_abandoned, replacing, write_file
from .checksum import sha256_file, sha256_folder
from .lock import FileLock

__all__ = [
    "FileLock", "explained", "flush", "numbered_folders", "publish_folder", "remove_abandoned", "replacing",
    "sha256_file", "sha256_folder", "write_file",
]  # fmt: skip
