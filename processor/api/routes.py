"""The REST paths: each with the app in the path, and without, where the key says which app."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from processor.api.access import Need
from processor.api.documents import Page
from processor.api.kinds import APP, IN_APPS, KEY, MODEL
from processor.api.needs import to_read, to_remove, to_write
from processor.api.versions import VERSION
from processor.catalog.records import Model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from processor.api.access import Caller
    from processor.api.documents import Answer, Documents
    from processor.api.keys import Keys
    from processor.api.kinds import Resource
    from processor.api.versions import Versions
    from processor.catalog.records import Key, Record
    from processor.rest.query import Query

USER = "/v2/users/{user_id}"
IN_APP = USER + "/apps/{app_id}"
PAGE_SIZE_MAX = 1_000
# What the published client may send with a list of models; it finds by name, and by type.
MODEL_FILTERS = {name: name for name in ("name", "search", "query", "model_type_id")}


@dataclass(frozen=True, slots=True)
class Call:
    """What a request says besides who makes it.

    Attributes:
        path: the parts of the path, by name.
        body: an object; empty for a GET.
        query: the parameters.
        keys: all that have the caller's secret; at least one.
    """

    path: Mapping[str, str]
    body: Mapping[str, Any]
    query: Query
    keys: Sequence[Key]


@dataclass(frozen=True, slots=True)
class Route:
    """One call of the contract.

    Attributes:
        name: as the contract names it.
        method: GET, POST, PATCH or DELETE.
        paths: where it is, the full path first.
        resource: what it is about.
        need: what it asks of its caller.
        work: what it does.
        many: whether the answer has a list.
        query: further parameters.
        required: those of them that cannot be left out.
        schemas: of those parameters that are not any text, and of ``body`` and ``answer`` where they are no lists of resources.
    """

    name: str
    method: str
    paths: tuple[str, ...]
    resource: Resource
    need: Need
    work: Callable[[Caller, Call], Answer]
    many: bool = True
    query: Mapping[str, str] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    schemas: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def has_body(self) -> bool:
        """Whether a body is read."""
        return self.method != "GET"


def routes(documents: Documents, keys: Keys, versions: Versions) -> list[Route]:
    """All calls, more particular paths first."""
    return [*_key_routes(documents, keys), *_version_routes(versions), *_app_routes(documents), *_document_routes(documents)]


def _paths(below: str) -> tuple[str, ...]:
    return (f"{IN_APP}/{below}", f"/v2/{below}")


def _title(resource: Resource) -> str:
    return resource.plural.title().replace("_", "")


def _document_routes(documents: Documents) -> Iterator[Route]:
    for each in IN_APPS:
        yield from _routes_of(documents, each)


def _routes_of(documents: Documents, each: Resource) -> Iterator[Route]:
    title, paths, one = _title(each), _paths(each.path), _paths(f"{each.path}/{{id}}")
    add, read, remove = to_write(each), to_read(each), to_remove(each)
    filters = MODEL_FILTERS if each is MODEL else {}
    yield Route(f"Post{title}", "POST", paths, each, add, lambda caller, call: documents.post(caller, each, call.body))
    yield Route(f"Patch{title}", "PATCH", paths, each, add, lambda caller, call: documents.patch(caller, each, call.body))
    yield Route(f"Delete{title}", "DELETE", paths, each, remove, lambda caller, call: documents.delete(caller, each, call.body))
    yield Route(f"List{title}", "GET", paths, each, read, lambda caller, call: documents.page(caller, each, _page(call)), query=filters)
    if each is not MODEL:  # which has versions
        yield Route(
            f"Get{title[:-1]}", "GET", one, each, read, lambda caller, call: documents.get(caller, each, call.path["id"]), many=False
        )
    yield Route(
        f"Delete{title[:-1]}", "DELETE", one, each, remove, lambda caller, call: documents.delete_ids(caller, each, [call.path["id"]])
    )


def _version_routes(versions: Versions) -> Iterator[Route]:
    yield _model_route(versions)
    paths, one = _paths("models/{id}/versions"), _paths("models/{id}/versions/{version_id}")
    add, read, remove = to_write(MODEL), to_read(MODEL), to_remove(MODEL)

    def page(caller: Caller, call: Call) -> Answer:
        wanted = _page(call)
        return versions.page(caller, call.path["id"], wanted.page, wanted.per_page)

    yield Route(
        "PostModelVersions", "POST", paths, VERSION, add, lambda caller, call: versions.post(caller, call.path["id"], call.body), many=False
    )
    yield Route("ListModelVersions", "GET", paths, VERSION, read, page)
    yield Route(
        "GetModelVersion",
        "GET",
        one,
        VERSION,
        read,
        lambda caller, call: versions.get(caller, call.path["id"], call.path["version_id"]),
        many=False,
    )
    yield Route(
        "DeleteModelVersion",
        "DELETE",
        one,
        VERSION,
        remove,
        lambda caller, call: versions.delete(caller, call.path["id"], call.path["version_id"]),
        many=False,
    )


def _model_route(versions: Versions) -> Route:
    def get(caller: Caller, call: Call) -> Answer:
        version_id = call.query.text("version_id")
        call.query.check()
        return versions.model(caller, call.path["id"], version_id or "")

    query = {"version_id": "version_id"}
    return Route("GetModel", "GET", _paths("models/{id}"), MODEL, to_read(MODEL), get, many=False, query=query)


def _key_routes(documents: Documents, keys: Keys) -> Iterator[Route]:
    """Keys of an app, and personal access tokens, which are the user's own business.

    The contract has one path for a key, whatever it opens: the app that a request names there says whose key is meant.
    """

    def delete(caller: Caller, ids: list[str]) -> Answer:
        answer = documents.delete_ids(caller, KEY, ids)
        keys.forget(caller.app.user_id, caller.app.app_id, ids)
        return answer

    for path, token, of in ((f"{IN_APP}/keys", False, "App"), (f"{USER}/keys", True, "")):
        one = (f"{path}/{{id}}",)
        add, remove = Need((KEY.add,), writes=True, token=token, of_app=True), Need((KEY.remove,), writes=True, token=token, of_app=True)
        read = Need((KEY.read,), writes=True, token=token, of_app=True)  # who else has a key is for the owner alone
        yield Route(f"Post{of}Keys", "POST", (path,), KEY, add, lambda caller, call: keys.post(caller, call.body))
        yield Route(f"List{of}Keys", "GET", (path,), KEY, read, lambda caller, call: documents.page(caller, KEY, _page(call)))
        yield Route(f"Get{of}Key", "GET", one, KEY, read, lambda caller, call: documents.get(caller, KEY, call.path["id"]), many=False)
        yield Route(f"Delete{of}Key", "DELETE", one, KEY, remove, lambda caller, call: delete(caller, [call.path["id"]]))


def _app_routes(documents: Documents) -> Iterator[Route]:
    path, add = (f"{USER}/apps",), to_write(APP)
    own, one = Need((APP.read,), writes=True, token=True), to_read(APP)
    yield Route("PostApps", "POST", path, APP, add, lambda caller, call: documents.post(caller, APP, call.body))
    yield Route("PatchApps", "PATCH", path, APP, add, lambda caller, call: documents.patch(caller, APP, call.body))
    yield Route("ListApps", "GET", path, APP, own, lambda caller, call: documents.page(caller, APP, _page(call)))
    yield Route("GetApp", "GET", (IN_APP, "/v2/app"), APP, one, lambda caller, _: documents.get(caller, APP, caller.app.app_id), many=False)


def _page(call: Call) -> Page:
    page, per_page = call.query.paging(PAGE_SIZE_MAX)
    sought = [text.casefold() for name in ("name", "search", "query") if (text := call.query.text(name))]
    model_type = call.query.text("model_type_id")
    call.query.check()

    def keeps(record: Record) -> bool:
        if not isinstance(record, Model) or model_type not in {None, "", record.model_type_id}:
            return False
        named = f"{record.id}\n{record.name}".casefold()
        return all(text in named for text in sought)

    return Page(page, per_page, keeps if sought or model_type else None)
