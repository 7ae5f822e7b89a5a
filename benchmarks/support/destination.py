"""The embedded destination as a process of its own, opened by one key of one personal token; reads its address and its database's URL."""

from __future__ import annotations

import sys

from processor.catalog.records import Key
from processor.destination.app import create_app
from processor.destination.server import listening, serve, url_of
from processor.resources import POST_INPUTS_SCOPES
from processor.rest.keys import HeldKeys, sha256_of

USER = "bench"
KEY = "ingest"
SECRET = "be7c4" * 8
HOST = "127.0.0.1"


def main(database_url: str, port: int) -> None:
    """Take inputs until SIGTERM; any app of the user's will do."""
    key = Key(USER, "", KEY, tuple(sorted(POST_INPUTS_SCOPES)), sha256_of(SECRET))
    with listening(HOST, port) as listener:
        app = create_app(database_url, HeldKeys([key]))
        print(url_of(HOST, listener), flush=True)  # whoever started it waits for this line
        serve(app, listener)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
