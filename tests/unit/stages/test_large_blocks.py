"""Large blocks are the system's again as soon as they are freed."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

# How many blocks the allocator had from the system while one of 2 MB was held, after one of 16 MB had come and gone.
LOOK = """
import ctypes, sys
from processor.stages.large_blocks import return_large_blocks

class Mallinfo2(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Mallinfo2
if sys.argv[1] == "return":
    return_large_blocks()
del (large := [bytes(16 << 20)])[:]
before = libc.mallinfo2().hblks
held = bytes(2 << 20)
print(libc.mallinfo2().hblks - before)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="an allocator that is not glibc's")
@pytest.mark.parametrize(("how", "blocks"), [("return", 1), ("keep", 0)])
def test_a_large_block_is_the_systems_own_whatever_was_freed_before(how: str, blocks: int) -> None:
    done = subprocess.run([sys.executable, "-c", LOOK, how], capture_output=True, text=True, check=True)
    assert int(done.stdout) == blocks
