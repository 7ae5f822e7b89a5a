"""What the catalog asks Kafka Connect for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from processor.catalog.records import App, Key
from processor.catalog.store import Catalog
from processor.connect.wanted import Wanted, wanted_connectors
from processor.errors import FixUsage
from processor.settings import Settings
from tests.support.documents import ACME, INGEST, change, collector, everything, gone

if TYPE_CHECKING:
    from processor.catalog.records import Record

HERE = replace(ACME, destination_url="http://here.example")


def wanted(*others: Record, partitions: int = 1, **settings: object) -> Wanted:
    """The one entry for the app of one active collector and whatever else is written."""
    catalog = Catalog(("professional",))
    catalog.apply(everything(*others))
    (found,) = wanted_connectors(Settings.model_validate(settings), catalog, "/run/secrets", {"inputs.acme.quality": partitions})
    return found


def config(*others: Record, **settings: object) -> dict[str, str]:
    found = wanted(*others, **settings).config
    assert found is not None
    return dict(found)


def test_an_app_with_an_active_collector_has_a_connector_named_like_its_topic() -> None:
    found = config(HERE)
    assert (found["name"], found["topics"]) == ("inputs.acme.quality", "inputs.acme.quality")
    assert (found["destination.url"], found["destination.user.id"], found["destination.app.id"]) == (
        "http://here.example",
        "acme",
        "quality",
    )


def test_names_and_the_mark_carry_the_prefix() -> None:
    found = config(HERE, topic_prefix="prod.")
    assert found["name"] == "prod.inputs.acme.quality"
    assert found["errors.deadletterqueue.topic.name"] == "prod.inputs.dead-letters"
    assert found["collectors.managed-by"] == "prod.collectors"


def test_a_secret_is_only_referred_to() -> None:
    found = config(HERE, replace(INGEST, sha256="0123456789abcdef"))
    assert found["destination.key"] == "${directory:/run/secrets:acme.quality.ingest}"
    assert found["destination.key.id"] == "ingest"
    assert "0123456789abcdef" not in str(found)


def test_a_personal_access_token_is_found_in_the_store_under_its_own_name() -> None:
    catalog = Catalog(("professional",))
    catalog.apply([*everything(HERE), gone(INGEST), change(Key("acme", "", "ingest", ("PostInputs",), "aa"))])
    (found,) = wanted_connectors(Settings(), catalog, "/s", {})
    assert found.config is not None
    assert found.config["destination.key"] == "${directory:/s:acme..ingest}"


def test_collectors_that_name_several_keys_post_with_the_first_by_id() -> None:
    second = Key("acme", "quality", "a-key", ("PostInputs",), "22")
    assert config(HERE, second, collector("z", post_inputs_key_id="a-key"))["destination.key.id"] == "a-key"


def test_a_key_of_an_inactive_collector_is_not_posted_with() -> None:
    second = Key("acme", "quality", "a-key", ("PostInputs",), "22")
    assert config(HERE, second, collector("z", post_inputs_key_id="a-key", paused=True))["destination.key.id"] == "ingest"


def test_an_app_without_a_destination_of_its_own_takes_the_one_of_the_settings() -> None:
    assert config(destination_url="http://usual.example")["destination.url"] == "http://usual.example"
    assert config(HERE, destination_url="http://usual.example")["destination.url"] == "http://here.example"


def test_an_app_without_any_destination_is_somebodys_business() -> None:
    found = wanted()
    assert (found.config, found.broken) == (None, True)
    assert "destination_url" in found.reason


def test_nothing_is_posted_for_an_app_whose_collectors_are_all_inactive() -> None:
    found = wanted(HERE, collector(paused=True))
    assert (found.config, found.broken, found.reason) == (None, False, "no collector of the app is active")


def test_an_app_without_collectors_is_not_mentioned() -> None:
    catalog = Catalog(("professional",))
    catalog.apply([*everything(HERE), change(App("acme", "other", "professional"))])
    assert [each.app for each in wanted_connectors(Settings(), catalog, "/s", {})] == ["acme/quality"]


def test_every_partition_has_a_task() -> None:
    assert wanted(HERE, partitions=4).config is not None
    assert config(HERE, partitions=4)["tasks.max"] == "4"


@pytest.mark.parametrize(
    ("url", "cap"),
    [
        ("https://api.clarifai.com", "15"),
        ("https://clarifai.com", "15"),
        ("https://clarifai.com.example", None),
        ("http://127.0.0.1:8100", None),
    ],
)
def test_only_a_hosted_destination_has_its_requests_capped(url: str, cap: str | None) -> None:
    assert config(replace(ACME, destination_url=url)).get("requests.per.second.max") == cap


def test_the_settings_may_add_options_and_change_the_usual_ones() -> None:
    options = {"requests.per.second.max": 3, "requests.in.flight.max": "8"}
    found = config(replace(ACME, destination_url="https://api.clarifai.com"), connector_options=options)
    assert (found["requests.per.second.max"], found["requests.in.flight.max"]) == ("3", "8")


def test_the_settings_may_not_change_what_delivery_rests_on() -> None:
    with pytest.raises(FixUsage, match=r"errors\.tolerance, topics follow from the catalog"):
        config(HERE, connector_options={"topics": "others", "errors.tolerance": "none"})


def test_the_hash_of_the_key_tells_of_a_rotation_and_stands_in_no_text() -> None:
    before, after = wanted(HERE), wanted(HERE, replace(INGEST, sha256="0123456789"))
    assert before.config == after.config
    assert before.key_hash != after.key_hash
    assert "0123456789" not in repr(after)
