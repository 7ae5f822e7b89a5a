"""Keys over HTTP: the secret is told once, kept for the sink, and found in no answer afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.api import APP, OWN, code

if TYPE_CHECKING:
    from tests.support.api import Api

KEYS = f"{APP}/keys"


def test_a_key_is_made_works_and_is_revoked(there: Api) -> None:
    (made,) = there.post(KEYS, keys=[{"id": "reader", "scopes": ["Models_Get"]}]).json()["keys"]
    assert there.secrets.kept == {("acme", "quality", "reader"): made["secret"]}
    assert code(there.get(f"{APP}/models", made["secret"])) == 10000
    listed = there.get(KEYS)
    assert [key["id"] for key in listed.json()["keys"]] == ["ingest", "own", "reader"]
    assert made["secret"] not in listed.text
    assert "sha256" not in listed.text
    assert there.get(f"{KEYS}/reader").json()["key"]["apps"] == [{"id": "quality", "user_id": "acme"}]
    assert code(there.delete(f"{KEYS}/reader")) == 10000
    assert there.secrets.kept == {}
    assert code(there.get(f"{APP}/models", made["secret"])) == 11009


def test_a_token_opens_all_apps_of_its_user(there: Api) -> None:
    (made,) = there.post("/v2/users/acme/keys", keys=[{"scopes": ["Apps_Get"]}]).json()["keys"]
    assert len(made["id"]) == 32
    assert "apps" not in made
    assert code(there.get("/v2/users/acme/apps/poor", made["secret"])) == 10000
    (narrow,) = there.post("/v2/users/acme/keys", keys=[{"scopes": ["Apps_Get"], "apps": [{"id": "quality"}]}]).json()["keys"]
    assert code(there.get("/v2/users/acme/apps/poor", narrow["secret"])) == 11008


def test_the_one_path_for_a_key_means_that_of_the_app_which_is_named(there: Api) -> None:
    """The contract has no other way to read or to revoke one."""
    named, token = {"user_id": "acme", "app_id": "quality"}, "/v2/users/acme/keys"
    query = {f"user_app_id.{name}": value for name, value in named.items()}
    assert code(there.post(token, user_app_id=named, keys=[{"id": "k", "scopes": ["Inputs_Get"]}])) == 10000
    assert there.get(f"{token}/k", **query).json()["key"]["apps"] == [{"id": "quality", "user_id": "acme"}]
    assert [key["id"] for key in there.get(token, **query).json()["keys"]] == ["ingest", "k", "own"]
    assert code(there.get(f"{token}/k")) == 11101, "no personal access token has this id"
    assert code(there.get(token, OWN, **query)) == 11008, "a token is wanted all the same"
    assert code(there.delete(f"{token}/k", user_app_id=named)) == 10000
    assert there.secrets.kept == {}


def test_nobody_gives_more_than_they_have(there: Api) -> None:
    (adder,) = there.post(KEYS, keys=[{"id": "adder", "scopes": ["Keys_Add", "Models_Get"]}]).json()["keys"]
    assert code(there.post(KEYS, adder["secret"], keys=[{"scopes": ["Models_Get"]}])) == 10000
    refused = there.post(KEYS, adder["secret"], keys=[{"scopes": ["Models_Get", "Models_Delete"]}])
    assert (code(refused), "Models_Delete" in refused.json()["status"]["details"]) == (11007, True)
    assert code(there.post(KEYS, adder["secret"], keys=[{"scopes": ["PostInputs"]}])) == 11007


def test_everything_wrong_with_a_key_is_told(there: Api) -> None:
    wrong = {"id": "?", "scopes": ["Everything"], "apps": [{"id": "other"}], "colour": 1}
    details = there.post(KEYS, keys=[wrong]).json()["status"]["details"]
    for part in ("id: ", "scopes: ", "apps: ", "colour"):
        assert part in details
    mixed = there.post(KEYS, keys=[{"id": "ingest", "scopes": ["Inputs_Get"]}, {"id": "fresh", "scopes": ["Inputs_Get"]}])
    assert (code(mixed), [key["status"]["code"] for key in mixed.json()["keys"]]) == (10010, [11102, 10000])
    assert list(there.secrets.kept) == [("acme", "quality", "fresh")]


def test_a_key_of_an_app_makes_keys_of_that_app_only(there: Api) -> None:
    assert code(there.post(KEYS, OWN, keys=[{"scopes": ["Inputs_Get"]}])) == 10000
    assert code(there.post("/v2/users/acme/keys", OWN, keys=[{"scopes": ["Inputs_Get"]}])) == 11008
