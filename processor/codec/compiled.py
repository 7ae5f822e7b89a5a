"""What of the codec is written in C: compiled when the package is built (``build_hook.py``), for the machine that it is built on."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LIBRARY = Path(__file__).with_name("compiled.library")  # no ending that Python would import it by

_BYTES, _NUMBER, _ADDRESS = ctypes.c_char_p, ctypes.c_int64, ctypes.c_void_p


def _loaded() -> ctypes.CDLL | None:
    with suppress(OSError, AttributeError):  # it is not there, or of other sources than these
        loaded = ctypes.CDLL(str(LIBRARY))
        # avro_columns.c
        loaded.reader_new.restype = _ADDRESS
        loaded.reader_new.argtypes = [_ADDRESS]
        loaded.reader_free.restype = None
        loaded.reader_free.argtypes = [_ADDRESS]
        loaded.reader_read_values.restype = _NUMBER
        loaded.reader_read_values.argtypes = [_ADDRESS, _ADDRESS, _ADDRESS, _NUMBER, _BYTES, _NUMBER, _NUMBER, _ADDRESS, _ADDRESS]
        # input_bodies.c
        loaded.inputs_write.restype = _NUMBER
        loaded.inputs_write.argtypes = [_ADDRESS, _ADDRESS, _ADDRESS, _NUMBER, _BYTES, _ADDRESS, _ADDRESS, _ADDRESS, _NUMBER, _ADDRESS]
        if hasattr(loaded, "values_find"):
            return loaded
    return None


_LIBRARY = _loaded()
IS_AVAILABLE = _LIBRARY is not None


def library() -> ctypes.CDLL:
    """The compiled functions.

    Raises:
        RuntimeError: they could not be compiled; `IS_AVAILABLE` says so, and what does the same without them is slower.
    """
    if _LIBRARY is None:
        raise RuntimeError(f"{LIBRARY} is missing: it is made when the package is installed")
    return _LIBRARY


def value_finder() -> Callable[[list[bytes], int, int], int]:
    """``values_find`` of avro_columns.c: a list, and where the address and the length of each of its values are to be written.

    It calls Python, so it is called with Python's lock held, unlike all other functions; it raises what Python raises.
    """
    find = ctypes.PyDLL(str(LIBRARY)).values_find
    find.restype = _NUMBER
    find.argtypes = [_ADDRESS, ctypes.py_object, _NUMBER, _ADDRESS, _ADDRESS]
    needed = ctypes.pythonapi.PyList_GetItem, ctypes.pythonapi.PyBytes_AsStringAndSize
    python = (_ADDRESS * len(needed))(*(ctypes.cast(function, _ADDRESS).value for function in needed))

    def found(values: list[bytes], addresses: int, lengths: int) -> int:
        count: int = find(python, values, len(values), addresses, lengths)
        return count

    return found
