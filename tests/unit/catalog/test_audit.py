"""What the audit log says of a change: everything but secrets and what would not fit."""

from __future__ import annotations

from dataclasses import replace

import orjson

from processor.catalog.audit import DOCUMENT_BYTES_MAX, entry
from processor.catalog.records import KnowledgeGraph, Relation
from processor.catalog.values import to_document
from tests.support.documents import INGEST, TENTH, change, gone

AT = "2026-11-22T08:00:00.000+00:00"


def test_an_entry_has_the_document_before_and_after() -> None:
    changed = replace(TENTH, output_info='{"params":{"keep_fraction":0.5}}')
    assert orjson.loads(entry(change(changed), TENTH, "key acme//token", AT, "00ff")) == {
        "at": AT,
        "who": "key acme//token",
        "action": "changed",
        "kind": "Model",
        "key": "acme/quality/keep-a-tenth",
        "before": to_document(TENTH),
        "after": to_document(changed),
        "catalog_version": "00ff",
    }


def test_a_first_write_is_created_and_a_tombstone_deleted() -> None:
    created = orjson.loads(entry(change(TENTH), None, "cli", AT, ""))
    deleted = orjson.loads(entry(gone(TENTH), TENTH, "cli", AT, ""))
    assert (created["action"], created["before"]) == ("created", None)
    assert (deleted["action"], deleted["after"]) == ("deleted", None)


def test_the_hash_of_a_secret_is_not_in_it() -> None:
    key = replace(INGEST, sha256="c0ffee")
    assert b"c0ffee" not in entry(change(key), key, "cli", AT, "")


def test_a_document_too_large_for_an_entry_leaves_its_size_and_its_hash() -> None:
    large = KnowledgeGraph("acme", "quality", "g", tuple(Relation("s" * 100, "synonym", f"o{i}") for i in range(30_000)))
    text = entry(change(large), None, "cli", AT, "")
    after = orjson.loads(text)["after"]
    assert len(text) < DOCUMENT_BYTES_MAX
    assert (after["kind"], after["bytes"] > DOCUMENT_BYTES_MAX, len(after["sha256"])) == ("KnowledgeGraph", True, 64)
