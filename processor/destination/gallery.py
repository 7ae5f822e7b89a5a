"""A page for people that shows what has been collected, by app and collector: plain HTML, no script.

On a loopback address it is open, to whoever may open a connection there. Elsewhere the browser asks for a key, whose
secret is the password, and shows what that key may read.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit

import orjson
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response

from processor.destination.database import explain
from processor.destination.media import MEDIA
from processor.destination.routes import READ
from processor.destination.service import rfc3339
from processor.destination.store import Filter
from processor.rest.access import AppRef, keys_of, lacking
from processor.rest.answers import HEADERS, answered
from processor.rest.json_body import has_control
from processor.rest.status import Code, Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from processor.destination.store import InputStore, StoredInput
    from processor.rest.keys import KeyBook

    Count = tuple[AppRef, str | None, int]

PER_PAGE = 60
PAGE_DIGITS_MAX = 9
TEXT_SHOWN_MAX = 160
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
UNAUTHORIZED, FORBIDDEN = 401, 403
PAGE_HEADERS = {
    **HEADERS,
    "content-security-policy": "default-src 'none'; img-src 'self' http: https:; media-src 'self'; style-src 'self'; form-action 'none'",
    "referrer-policy": "no-referrer",
    "cache-control": "private, no-cache",
}
STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 0; color: #1c2430; background: #f6f7f9 }
header { padding: 14px 24px; background: #fff; border-bottom: 1px solid #dde1e7 }
header a { color: inherit; text-decoration: none; font-weight: 600 }
main { display: flex; align-items: flex-start; gap: 24px; padding: 24px }
nav { flex: 0 0 17em } nav h2 { font-size: 14px; margin: 12px 0 4px } nav ul { list-style: none; margin: 0; padding: 0 }
nav a { display: flex; justify-content: space-between; gap: 8px; padding: 3px 8px; border-radius: 6px }
nav a, .pages a { color: #2456b0; text-decoration: none }
nav a:hover, nav a.here { background: #e6ecf7 }
section { flex: 1 } h1 { font-size: 18px; margin: 0 0 14px }
.inputs { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 12px }
figure { margin: 0; padding: 8px; background: #fff; border: 1px solid #dde1e7; border-radius: 8px; overflow: hidden }
figure img { width: 100%; aspect-ratio: 1; object-fit: contain; background: #f0f2f5 }
figure video, figure audio { width: 100% }
figcaption { font-size: 12px; color: #56606e; overflow-wrap: anywhere } blockquote { margin: 0; font-size: 13px; overflow-wrap: anywhere }
.pages { margin-top: 16px; display: flex; gap: 16px }
"""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks, and at which apps; None: at all of them."""

    apps: Sequence[AppRef] | None

    def sees(self, app: AppRef) -> bool:
        """Whether an app is one of theirs; a personal access token's have no app id."""
        return self.apps is None or app in self.apps or AppRef(app.user_id) in self.apps


class Gallery:
    """The pages, and the router that has them.

    Args:
        store: what is shown.
        keys: who may, where a key is asked for.
        is_open: whether none is.
    """

    def __init__(self, store: InputStore, keys: KeyBook, is_open: bool) -> None:
        self._store = store
        self._keys = keys
        self._is_open = is_open
        self.router = APIRouter()
        self._add("/", self._page)
        self._add("/gallery/style.css", self._style)
        self._add("/gallery/{user_id}/{app_id}/{input_id}/{medium}", self._medium)

    def _add(self, path: str, endpoint: Callable[[Request], Awaitable[Response]]) -> None:
        async def run(request: Request) -> Response:
            return await answered(request, lambda: self._for_a_viewer(request, endpoint), explain)

        self.router.add_api_route(path, run, methods=["GET"], name=f"gallery {path}", response_model=None)

    async def _for_a_viewer(self, request: Request, endpoint: Callable[[Request], Awaitable[Response]]) -> Response:
        try:
            request.state.viewer = self._viewer(request)
        except Refused as error:
            if error.http != UNAUTHORIZED:
                raise
            headers = PAGE_HEADERS | {"www-authenticate": 'Basic realm="collected inputs: any name, the key as password", charset="UTF-8"'}
            return Response(f"{error.details}\n", UNAUTHORIZED, headers, "text/plain")
        return await endpoint(request)

    def _viewer(self, request: Request) -> Viewer:
        """Who looks.

        Raises:
            Refused: nobody who may.
        """
        if self._is_open:
            # A page of another site may have had its own name resolve to this address; it cannot change the name it asks for.
            if (urlsplit(f"//{request.headers.get('host', '')}").hostname or "") not in LOOPBACK_NAMES:
                raise Refused(Code.KEY_INVALID, "the gallery is for this machine only: open it by the name localhost", FORBIDDEN)
            return Viewer(None)
        keys = [key for key in keys_of(_password(request.headers.get("authorization", "")), self._keys) if not lacking(key, READ)]
        if not keys:
            raise Refused(Code.INSUFFICIENT_SCOPES, f"this key lacks {', '.join(READ)}")
        return Viewer([AppRef(key.user_id, key.app_id) for key in keys])

    async def _page(self, request: Request) -> Response:
        return Response(await run_sync(self._html, request), headers=PAGE_HEADERS, media_type="text/html")

    async def _style(self, _request: Request) -> Response:
        return Response(STYLE, headers=PAGE_HEADERS, media_type="text/css")

    async def _medium(self, request: Request) -> Response:
        of = request.path_params
        app = AppRef(of["user_id"], of["app_id"])
        found = None
        if request.state.viewer.sees(app) and not any(has_control(part) for part in of.values()):
            found = await run_sync(self._store.medium, app, of["input_id"], of["medium"])
        if found is None:
            raise Refused(Code.DOES_NOT_EXIST, "there is nothing at this path")
        return Response(found[1], headers=PAGE_HEADERS, media_type=found[0])

    def _html(self, request: Request) -> str:
        viewer: Viewer = request.state.viewer
        counts = [row for row in self._store.counts() if viewer.sees(row[0])]
        app, collector, page = _asked(request, counts)
        found = self._store.page(app, Filter(collector=collector), page, PER_PAGE, newest_first=True) if counts else []
        total = sum(count for of, each, count in counts if of == app and collector in {None, each})
        pages = _pages(app, collector, page, more=page * PER_PAGE < total)
        return _document(_navigation(counts, app, collector), _section(app, collector, found) + pages)


def _asked(request: Request, counts: Sequence[Count]) -> tuple[AppRef, str | None, int]:
    """App, collector and page that are asked for, as far as there are such; an address that makes no sense shows something all the same."""
    asked = request.query_params
    known = sorted({row[0] for row in counts}, key=str)
    app = AppRef(asked.get("user", ""), asked.get("app", ""))
    if app not in known:
        app = known[0] if known else AppRef()
    collector = asked.get("collector")
    known_here = {each for of, each, _ in counts if of == app}
    number = asked.get("page", "1")
    page = int(number) if number.isascii() and number.isdecimal() and len(number) <= PAGE_DIGITS_MAX else 1
    return app, collector if collector in known_here else None, max(1, page)


def _password(authorization: str) -> str:
    """The password of HTTP Basic authentication (RFC 7617).

    Raises:
        Refused: there is none.
    """
    scheme, _, encoded = authorization.partition(" ")
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode() if scheme.lower() == "basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        decoded = ""
    password = decoded.partition(":")[2]
    if not password:
        raise Refused(Code.KEY_INVALID, "a key is wanted: give its secret as the password")
    return password


def _document(navigation: str, section: str) -> str:
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Collected inputs</title>'
    style = '<link rel="stylesheet" href="gallery/style.css">'
    body = f'<header><a href=".">Collected inputs</a></header><main><nav>{navigation}</nav><section>{section}</section></main>'
    return f'<!doctype html><html lang="en"><head>{head}{style}</head><body>{body}</body></html>'


def _navigation(counts: Sequence[Count], here: AppRef, collector: str | None) -> str:
    parts = []
    for app in sorted({row[0] for row in counts}, key=str):
        rows = sorted((each or "", count) for of, each, count in counts if of == app)
        total = sum(count for _, count in rows)
        links = [_link(app, None, "all", total, here == app and collector is None)]
        links += [_link(app, each, each, count, here == app and collector == each) for each, count in rows if each]
        parts.append(f"<h2>{escape(str(app))}</h2><ul>{''.join(links)}</ul>")
    return "".join(parts)


def _link(app: AppRef, collector: str | None, text: str, count: int, here: bool) -> str:
    own = text.removeprefix(f"{app}/")
    mark = ' class="here"' if here else ""
    return f'<li><a{mark} href="{_address(app, collector, 1)}"><span>{escape(own)}</span><span>{count}</span></a></li>'


def _address(app: AppRef, collector: str | None, page: int) -> str:
    asked = (
        {"user": app.user_id, "app": app.app_id} | ({"collector": collector} if collector else {}) | ({"page": page} if page > 1 else {})
    )
    return escape(f"?{urlencode(asked)}")


def _section(app: AppRef, collector: str | None, found: Sequence[StoredInput]) -> str:
    if not found:
        return "<h1>Nothing here yet</h1><p>Inputs are shown as soon as some are posted.</p>"
    return f'<h1>{escape(collector or str(app))}</h1><div class="inputs">{"".join(_figure(each) for each in found)}</div>'


def _pages(app: AppRef, collector: str | None, page: int, more: bool) -> str:
    newer = f'<a href="{_address(app, collector, page - 1)}">newer</a>' if page > 1 else ""
    older = f'<a href="{_address(app, collector, page + 1)}">older</a>' if more else ""
    return f'<div class="pages">{newer}{older}</div>'


def _figure(stored: StoredInput) -> str:
    data = orjson.loads(stored.data)
    text = data.get("text") or {}
    shown = [_medium(stored, medium, data.get(medium) or {}) for medium in MEDIA if medium in stored.media or data.get(medium)]
    if text:
        shown.append(f"<blockquote>{escape((text.get('raw') or text.get('url') or '')[:TEXT_SHOWN_MAX])}</blockquote>")
    caption = f"{escape(stored.id)}<br>{rfc3339(stored.created_at_us)[:19].replace('T', ' ')}"
    return f"<figure>{''.join(shown)}<figcaption>{caption}</figcaption></figure>"


def _medium(stored: StoredInput, medium: str, posted: dict[str, str]) -> str:
    """An element that shows one medium; an address that is no web address is shown as text."""
    source = posted.get("url", "")
    if medium in stored.media:
        path = "/".join(quote(part, safe="") for part in (stored.app.user_id, stored.app.app_id, stored.id, medium))
        source = f"gallery/{path}"
    elif urlsplit(source).scheme not in {"http", "https"}:
        return f"<blockquote>{escape(source)}</blockquote>"
    if medium == "image":
        return f'<img loading="lazy" alt="input {escape(stored.id)}" src="{escape(source)}">'
    return f'<{medium} controls preload="none" src="{escape(source)}"></{medium}>'
