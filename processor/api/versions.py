"""Versions of a model: a new one becomes the newest, the one before it stays for workflows that name it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from processor.api.documents import items_in, new_id, visible
from processor.api.items import item_of, versions_of
from processor.api.kinds import MODEL, Resource
from processor.api.proto_json import VERSION_SAID, to_names
from processor.catalog.changes import Change
from processor.catalog.plan import plan_write
from processor.catalog.records import Kind, Model, ModelVersion
from processor.catalog.values import to_document
from processor.depth import deeper_than
from processor.documents import Located, parse_document
from processor.rest.json_body import refuse_unknown
from processor.rest.status import Code, Refused
from processor.yaml_streams import DEPTH_MAX

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from processor.api.access import Caller
    from processor.api.documents import Answer
    from processor.api.writes import Planned, Writes
    from processor.catalog.store import Catalog
    from processor.rest.listing import Listing
    from processor.rest.view import CatalogView

VERSION = Resource(Kind.MODEL, "model_versions", "model_version", "versions", "Models", Code.MODEL_DOES_NOT_EXIST)
SENT = frozenset({"id", "output_info", "description"})
PASSED_OVER = VERSION_SAID | {"modified_at"}


class Versions:
    """What can be done with the versions of a model.

    Args:
        view: the catalog.
        writes: to it.
    """

    def __init__(self, view: CatalogView, writes: Writes) -> None:
        self._view = view
        self._writes = writes

    def post(self, caller: Caller, model_id: str, body: Mapping[str, Any]) -> Answer:
        """Make a version the newest.

        Raises:
            Refused: there is no such model, or the version is not right, or nothing could be written.
        """
        refuse_unknown(body, (VERSION.plural, VERSION.singular, "user_app_id", "model_id", "description"))
        items = items_in(body, VERSION)
        if len(items) > 1:
            raise Refused(Code.INVALID_REQUEST, "model_versions: one version a request, as each becomes the newest")
        version = _sent(items[0])
        key = f"{caller.app}/{model_id}"

        def plan(catalog: Catalog, _: Listing, now: datetime) -> Planned:
            model = _model(caller, catalog, key)
            return [Change(Kind.MODEL, key, _with(catalog, model, version, now.strftime("%Y-%m-%dT%H:%M:%SZ")))], ()

        self._writes.write(caller.who, plan)
        return self._shown(caller, key)

    def delete(self, caller: Caller, model_id: str, version_id: str) -> Answer:
        """Delete a version; with the newest one gone, the one before it is the newest again.

        Raises:
            Refused: there is no such version, or it is the only one.
        """
        key = f"{caller.app}/{model_id}"

        def plan(catalog: Catalog, _: Listing, __: datetime) -> Planned:
            return [Change(Kind.MODEL, key, _without(_model(caller, catalog, key), version_id))], ()

        self._writes.write(caller.who, plan)
        return Code.SUCCESS, "", {}

    def page(self, caller: Caller, model_id: str, page: int, per_page: int) -> Answer:
        """One page of a model's versions, the newest first.

        Raises:
            Refused: there is no such model.
        """
        with self._view.looking() as (catalog, _):
            versions = versions_of(_model(caller, catalog, f"{caller.app}/{model_id}"))
        return Code.SUCCESS, "", {VERSION.plural: versions[(page - 1) * per_page : page * per_page]}

    def get(self, caller: Caller, model_id: str, version_id: str) -> Answer:
        """One version.

        Raises:
            Refused: there is none.
        """
        with self._view.looking() as (catalog, _):
            model = _model(caller, catalog, f"{caller.app}/{model_id}")
        for version in versions_of(model):
            if version.get("id", "") == version_id:
                return Code.SUCCESS, "", {VERSION.singular: version}
        raise _no_version(model, version_id)

    def model(self, caller: Caller, model_id: str, version_id: str) -> Answer:
        """A model as of one version; blank is the newest.

        Raises:
            Refused: there is no such model, or no such version of it.
        """
        _, _, below = self._shown(caller, f"{caller.app}/{model_id}")
        if version_id:
            version = self.get(caller, model_id, version_id)[2][VERSION.singular]
            below[MODEL.singular] |= {VERSION.singular: version, "output_info": version.get("output_info", {})}
        return Code.SUCCESS, "", below

    def _shown(self, caller: Caller, key: str) -> Answer:
        with self._view.looking() as (catalog, _):
            return Code.SUCCESS, "", {MODEL.singular: item_of(catalog, key, _model(caller, catalog, key))}


def _model(caller: Caller, catalog: Catalog, key: str) -> Model:
    model = visible(caller, catalog.get(Kind.MODEL, key))
    if not isinstance(model, Model):
        raise Refused(Code.MODEL_DOES_NOT_EXIST, f"there is no model {key}"[:1000])
    return model


def _sent(item: Any) -> dict[str, Any]:
    """What a version says of itself; what only answers say is passed over."""
    try:
        value = to_names(item)
    except ValueError as error:
        raise Refused(Code.INVALID_REQUEST, f"model_versions[0]: {error}") from None
    if not isinstance(value, dict):
        raise Refused(Code.INVALID_REQUEST, "model_versions[0]: an object is wanted")
    version = {name: field for name, field in value.items() if name not in PASSED_OVER}
    refuse_unknown(version, sorted(SENT))
    if deeper_than(version, DEPTH_MAX):
        raise Refused(Code.INVALID_REQUEST, f"model_versions[0]: nested deeper than {DEPTH_MAX} levels")
    return version


def _with(catalog: Catalog, model: Model, version: Mapping[str, Any], now: str) -> Model:
    """The model with a new version; checked as a document of a person would be."""
    older = ModelVersion(model.model_version_id or "1", model.output_info, "", model.created_at)
    document = to_document(replace(model, versions=(*model.versions, older)))
    sent_id = version.get("id", "")
    document |= {"output_info": version.get("output_info", {}), "model_version": {"id": new_id() if sent_id == "" else sent_id}}
    if version.get("description", "") != "":
        document["description"] = version["description"]
    parsed, broken = parse_document(document)
    if parsed is None or broken:
        raise Refused(Code.INVALID_REQUEST, "; ".join(f"{rule.path}: {rule.message}" for rule in broken))
    planned = plan_write(catalog, [Located(model.id, parsed)], now)
    if planned.problems:
        raise Refused(Code.of(planned.problems[0].code), "; ".join(str(problem) for problem in planned.problems))
    record = planned.documents[0].record
    if not isinstance(record, Model):
        raise TypeError(f"a model became {record!r}")
    return record


def _without(model: Model, version_id: str) -> Model:
    if any(version.id == version_id for version in model.versions):
        return replace(model, versions=tuple(version for version in model.versions if version.id != version_id))
    if version_id != model.model_version_id or not version_id:
        raise _no_version(model, version_id)
    if not model.versions:
        raise Refused(Code.INVALID_REQUEST, f"{version_id} is the only version of model {model.id}: delete the model instead")
    *older, newest = model.versions
    return replace(model, model_version_id=newest.id, output_info=newest.output_info, versions=tuple(older))


def _no_version(model: Model, version_id: str) -> Refused:
    return Refused(Code.MODEL_DOES_NOT_EXIST, f"model {model.user_id}/{model.app_id}/{model.id} has no version {version_id!r:.80}")
