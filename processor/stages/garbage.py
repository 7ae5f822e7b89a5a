"""Sparing the collector of reference cycles, which otherwise walks the whole catalog again and again."""

from __future__ import annotations

import gc


def spare_garbage_collector() -> None:
    """Call when what stays for good is loaded: it is not looked at any more.

    How often the rest is looked at stays Python's business: a batch's columns refer to one another, and each holds megabytes.
    """
    gc.collect()
    gc.freeze()
