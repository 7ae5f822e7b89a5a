"""Whatever happens to a request, its answer is the contract's: a status with code, words and the request's id, and no stack trace."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from processor.rest.status import Code, Refused, status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from fastapi import Request

log = logging.getLogger("collectors.rest")

REQ_ID_BYTES = 16
RETRY_AFTER = {"retry-after": "1"}
GONE = 499  # nobody reads it: the client has gone
_WAIT = frozenset({Code.THROTTLED, Code.TRY_AGAIN})
_OF_HTTP: Mapping[int, Code] = {404: Code.DOES_NOT_EXIST, 405: Code.METHOD_NOT_ALLOWED}
# Security headers of every answer: nothing here is to be sniffed, framed, or read by another site's page.
HEADERS = {"x-content-type-options": "nosniff", "cross-origin-resource-policy": "same-origin", "x-frame-options": "DENY"}


def answer(code: Code, details: str = "", below: Mapping[str, Any] | None = None, http: int | None = None, req_id: str = "") -> Response:
    """A JSON answer with a status on top."""
    top = {"status": status(code, details) | {"req_id": req_id or secrets.token_hex(REQ_ID_BYTES)}}
    headers = HEADERS | (RETRY_AFTER if code in _WAIT else {})
    return Response(orjson.dumps(top | dict(below or {})), http or code.http, headers, "application/json")


async def answered(
    request: Request, endpoint: Callable[[], Awaitable[Response]], explain: Callable[[Exception], Refused | None] = lambda _: None
) -> Response:
    """Run an endpoint and answer for it whatever it raises.

    Args:
        request: what is answered.
        endpoint: what answers it.
        explain: what an error of a database or a cluster is to the client; None: a fault of ours.
    """
    try:
        return await endpoint()
    except Refused as error:
        return answer(error.code, error.details, http=error.http)
    except ClientDisconnect:
        return Response(status_code=GONE)
    except Exception as error:  # noqa: BLE001 - the answer of last resort; the log has the rest
        if (refused := explain(error)) is None:
            return _failed(request, error)
        log.warning("%s %s: %s: %s", request.method, request.url.path, refused.details, type(error).__name__)
        return answer(refused.code, refused.details, http=refused.http)


async def not_routed(_request: Request, error: Exception) -> Response:
    """The answer where no endpoint is."""
    http = error.status_code if isinstance(error, HTTPException) else Code.INTERNAL.http
    code = _OF_HTTP.get(http, Code.BAD_REQUEST_FORMAT)
    response = answer(code, "there is nothing at this path" if code is Code.DOES_NOT_EXIST else "", http=http)
    response.headers.update(getattr(error, "headers", None) or {})
    return response


def _failed(request: Request, error: Exception) -> Response:
    req_id = secrets.token_hex(REQ_ID_BYTES)
    log.error("%s %s failed, req_id %s", request.method, request.url.path, req_id, exc_info=error)
    return answer(Code.INTERNAL, "this is a fault of ours; the log tells more under this req_id", req_id=req_id)
