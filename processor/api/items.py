"""Documents as the contract shows them: proto3 JSON, defaults left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from processor.catalog.records import Collector, Key, Model
from processor.catalog.values import json_object, to_document
from processor.rest.status import Code, status

if TYPE_CHECKING:
    from processor.catalog.records import ModelVersion, Record
    from processor.catalog.store import Catalog

Item = dict[str, Any]


def item_of(catalog: Catalog, key: str, record: Record) -> Item:
    """One document; a collector's status is worked out, and says why it is inactive."""
    if isinstance(record, Key):
        return _key(record)
    item = {name: value for name, value in to_document(record).items() if name != "kind"}
    if isinstance(record, Collector):
        return _collector(catalog, key, item)
    if isinstance(record, Model):
        return _model(record, item)
    return item | {"status": status(Code.SUCCESS)}


def _collector(catalog: Catalog, key: str, item: Item) -> Item:
    reason = "; ".join(obstacle.message for obstacle in catalog.obstacles(key))
    item.pop("user_id")
    item.pop("app_id")
    return item | {"status": status(Code.COLLECTOR_INACTIVE if reason else Code.COLLECTOR_ACTIVE, reason)}


def _model(model: Model, item: Item) -> Item:
    item.pop("versions", None)
    return item | {"visibility": _gettable(model), "model_version": newest_version(model), "status": status(Code.SUCCESS)}


def _gettable(model: Model) -> Item:
    return {"gettable": model.visibility}


def _key(key: Key) -> Item:
    where = {"apps": [{"id": key.app_id, "user_id": key.user_id}]} if key.app_id else {}
    item = {"id": key.id, "description": key.description, "scopes": list(key.scopes), "created_at": key.created_at, **where}
    return {name: value for name, value in item.items() if value} | {"status": status(Code.SUCCESS)}


def newest_version(model: Model) -> Item:
    """The version that a blank version id means."""
    return _version(model, model.model_version_id, model.output_info, model.created_at)


def older_version(model: Model, version: ModelVersion) -> Item:
    """One that was replaced since."""
    description = {"description": version.description} if version.description else {}
    return _version(model, version.id, version.output_info, version.created_at) | description


def versions_of(model: Model) -> list[Item]:
    """All of them, the newest first."""
    return [newest_version(model), *(older_version(model, version) for version in reversed(model.versions))]


def _version(model: Model, version_id: str, output_info: str, created_at: str) -> Item:
    shown = {
        "id": version_id,
        "output_info": json_object(output_info),
        "created_at": created_at,
        "app_id": model.app_id,
        "user_id": model.user_id,
    }
    return {name: value for name, value in shown.items() if value} | {"visibility": _gettable(model), "status": status(Code.SUCCESS)}
