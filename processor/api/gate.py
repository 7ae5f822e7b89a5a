"""Who may do what with documents of several apps and kinds in one request: asked once for each app and need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from processor.api.access import admit
from processor.api.documents import visible
from processor.rest.access import ME, AppRef, lacking, name_of
from processor.rest.status import Code, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from processor.api.access import Caller, Need
    from processor.catalog.records import Key, Record
    from processor.catalog.store import Catalog


class Gate:
    """Lets a caller in, or not.

    Args:
        catalog: has the apps and their collaborators.
        keys: all that have the caller's secret; at least one.
    """

    def __init__(self, catalog: Catalog, keys: Sequence[Key]) -> None:
        self._catalog = catalog
        self._keys = keys
        self._found: dict[tuple[AppRef, Need], Caller | Refused] = {}

    def caller(self, app: AppRef, need: Need) -> Caller:
        """The caller in an app.

        Raises:
            Refused: they are not let in; the text says why.
        """
        found = self._found.get((app, need))
        if found is None:
            found = self._found[app, need] = self._asked(app, need)
        if isinstance(found, Refused):
            raise found
        return found

    def refusal(self, app: AppRef, need: Need) -> Refused | None:
        """Why the caller is not let in; None: they are."""
        try:
            self.caller(app, need)
        except Refused as refused:
            return refused
        return None

    def sees(self, app: AppRef, need: Need, record: Record) -> bool:
        """Whether the caller may know of a document."""
        return self.refusal(app, need) is None and visible(self.caller(app, need), record) is not None

    def require(self, scopes: Sequence[str]) -> None:
        """Ask for scopes, whatever the app.

        Raises:
            Refused: no key of the caller's has them all.
        """
        missing = [lacking(key, scopes) for key in self._keys]
        if all(missing):
            raise Refused(Code.INSUFFICIENT_SCOPES, f"key {name_of(self._keys[0])} lacks {', '.join(missing[0])}")

    def _asked(self, app: AppRef, need: Need) -> Caller | Refused:
        # In a path `me` stands for whoever asks; in a document it would be somebody of this name.
        keys = [key for key in self._keys if app.user_id != ME or key.user_id == ME]
        if not keys:
            return Refused(Code.KEY_INVALID, f"key {name_of(self._keys[0])} does not open app {app}: write the id of its user")
        try:
            return admit(self._catalog, keys, app, need)
        except Refused as refused:
            return refused
