"""The inputs of an app as its destination gives them back: asked for as any client would."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from processor.errors import CollectorsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PER_PAGE = 1000
AT_ONCE = 4
TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Posted:
    """One input: as the destination lists it, and the bytes of its image."""

    body: Mapping[str, Any]
    image: bytes


class Destination:
    """One app of a destination.

    Args:
        url: where it answers.
        app: ``user/app``.
        secret: of a key that may read the app's inputs.
    """

    def __init__(self, url: str, app: str, secret: str) -> None:
        user, _, name = app.partition("/")
        self._path = f"/v2/users/{user}/apps/{name}/inputs"
        headers = {"Authorization": f"Key {secret}"}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_S, trust_env=False)

    def inputs(self) -> Iterator[Posted]:
        """Everything the app has, each with its image.

        Raises:
            CollectorsError: the destination does not give it.
        """
        page = 1
        with ThreadPoolExecutor(AT_ONCE) as asking:
            while bodies := self._get(self._path, page=page, per_page=PER_PAGE).json()["inputs"]:
                yield from asking.map(self._posted, bodies)
                page += 1

    def _posted(self, body: Mapping[str, Any]) -> Posted:
        return Posted(body, self._get(f"{self._path}/{body['id']}/image").content)

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _get(self, path: str, **query: int) -> httpx.Response:
        try:
            return self._client.get(path, params=query).raise_for_status()
        except httpx.HTTPError as error:
            raise CollectorsError(f"the destination does not give {path} back: {error}") from None
