"""The secret store: one file a secret, ``user.app.id``, that only its owner can read. Nothing here is ever logged."""

from __future__ import annotations

import contextlib
import os
import secrets
from typing import TYPE_CHECKING

from processor.errors import FixUsage
from processor.resources import id_problem
from processor.settings import WORK_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

SECRET_BITS = 256
SECRET_BYTES_MAX = 4096
STORE_FOLDER = WORK_FOLDER / "secrets"
FOLDER_MODE = 0o700
FILE_MODE = 0o600


def new_secret() -> str:
    """256 random bits in hex."""
    return secrets.token_hex(SECRET_BITS // 8)


class SecretStore:
    """Secrets of keys, by the key's ids.

    Args:
        folder: made, and closed to others, when the first secret is written.
    """

    def __init__(self, folder: Path = STORE_FOLDER) -> None:
        self._folder = folder

    def put(self, user_id: str, app_id: str, key_id: str, secret: str) -> None:
        """Store a secret for good: on the disk, whole, or not at all.

        Raises:
            FixUsage: the folder cannot be written.
        """
        path = self.path(user_id, app_id, key_id)
        temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
        try:
            self._make_folder()
            self._write(temporary, secret)
            temporary.replace(path)
            self._sync_folder()
        except OSError as error:
            raise FixUsage(f"cannot store a secret under {self._folder}: {error.strerror}: make the folder writable") from None
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def get(self, user_id: str, app_id: str, key_id: str) -> str | None:
        """A secret; None where it is not stored on this machine."""
        try:
            return self.path(user_id, app_id, key_id).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def has(self, user_id: str, app_id: str, key_id: str) -> bool:
        """Whether a secret is stored on this machine."""
        return self.path(user_id, app_id, key_id).is_file()

    def remove(self, user_id: str, app_id: str, key_id: str) -> None:
        """Forget a secret; one that is not there is forgotten already."""
        self.path(user_id, app_id, key_id).unlink(missing_ok=True)

    def path(self, user_id: str, app_id: str, key_id: str) -> Path:
        """The file of a secret. No id holds a dot, so no two keys share a file; a personal access token has no app.

        Raises:
            FixUsage: one of them is no id.
        """
        for part in (user_id, app_id, key_id) if app_id else (user_id, key_id):
            if problem := id_problem(part):
                raise FixUsage(f"{part!r}: {problem}")
        return self._folder / f"{user_id}.{app_id}.{key_id}"

    def _make_folder(self) -> None:
        self._folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        self._folder.chmod(FOLDER_MODE)

    @staticmethod
    def _write(path: Path, secret: str) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secret)
            file.flush()
            os.fsync(file.fileno())

    def _sync_folder(self) -> None:
        """Put the new name on the disk as well, where the system lets a folder be opened."""
        with contextlib.suppress(OSError):
            descriptor = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
