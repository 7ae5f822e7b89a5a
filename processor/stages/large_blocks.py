"""Memory of large records goes back to the system as soon as they are gone.

Where many megabytes come and go in pieces of a megabyte, glibc keeps them: whenever a block that it had from the system is given back, it
raises the size from which on it asks the system, up to 32 MB, and what is below lies in heaps that only shrink from their end
(mallopt(3), M_MMAP_THRESHOLD). After candidates of a megabyte had gone, a process had 21 MB in use and 430 that were kept.
"""

from __future__ import annotations

import contextlib
import ctypes

M_MMAP_THRESHOLD = -3  # malloc.h
LARGE_BYTES = 1 << 18


def return_large_blocks() -> None:
    """Have the system asked for every block of `LARGE_BYTES` or more, for good. Allocators other than glibc's are left as they are."""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
