"""Requests to addresses that other people wrote down: input URLs and model endpoints.

What may be connected to is decided where the connection is made (`network.py`), so that no redirect, no odd spelling of an address and no
name server can lead elsewhere. Nothing is taken from the environment but the certificate authorities, and nothing happens by itself: no
proxy, no cookie, no redirect, no decompression.
"""

from __future__ import annotations

from processor.fetch.addresses import AddressGuard, Network
from processor.fetch.failed import CallFailed, Failure
from processor.fetch.fetcher import Fetcher
from processor.fetch.outside import Outside

__all__ = ["AddressGuard", "CallFailed", "Failure", "Fetcher", "Network", "Outside"]
