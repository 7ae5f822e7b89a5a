"""What the calls about one kind of document ask of whoever makes them, whatever their paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

from processor.api.access import Need
from processor.api.kinds import APP, COLLECTOR, KEY, MODEL
from processor.resources import POST_INPUTS_SCOPES

if TYPE_CHECKING:
    from processor.api.kinds import Resource


def to_write(resource: Resource) -> Need:
    """To make or change one. A collector posts with a key of its owner's: whoever makes one must be allowed what it will do."""
    further = POST_INPUTS_SCOPES if resource is COLLECTOR else ()
    return Need((resource.add, *further), writes=True, token=resource is APP)


def to_read(resource: Resource) -> Need:
    """To read one. Who else has a key is for the owner alone."""
    return Need((resource.read,), public=resource is MODEL, writes=resource is KEY)


def to_remove(resource: Resource) -> Need:
    """To delete one."""
    return Need((resource.remove,), writes=True, token=resource is APP)
