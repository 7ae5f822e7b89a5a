"""Sparing the collector of reference cycles, which otherwise walks the whole catalog again and again."""

from __future__ import annotations

import gc

# Objects that a batch makes are mostly gone by reference counting before so many are alive.
YOUNG_OBJECTS = 50_000


def spare_garbage_collector() -> None:
    """Call when what stays for good is loaded: it is not looked at any more, and what comes later is looked at rarely.

    Python would look for cycles every 700 new objects, of which a batch makes thousands, and at every object there is a little less
    often: a tenth of the time of a stage with 20 collectors, and more with every collector.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 20)
