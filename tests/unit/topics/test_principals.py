"""Who needs what: the least, each with a prefix of its own, and whose rules are ours to take away."""

from __future__ import annotations

import pytest

from processor.kafka.acl_state import CLUSTER, CREATE, DESCRIBE, GROUP, READ, TOPIC, TRANSACTIONAL_ID, WRITE, Acl
from processor.topics.names import CATALOG, FIXED
from processor.topics.plan import NO_AUTHORIZER, Grant, Plan, Revoke, plan_acls
from processor.topics.principals import CONNECT_TOPICS, PARTS, is_ours, wanted_acls

RULES = sorted(wanted_acls("p-", [("acme", "quality")]))


def test_everything_but_the_cluster_stands_under_the_prefix() -> None:
    for acl in RULES:
        assert acl.principal.startswith("User:p-collectors-")
        assert acl.resource == CLUSTER or acl.name.removeprefix("connect-").startswith("p-"), acl


def test_only_inputs_ids_and_a_readers_groups_are_granted_by_prefix() -> None:
    prefixed = {(acl.resource, acl.name.removeprefix("connect-")) for acl in RULES if acl.prefixed}
    assert all(name.endswith(".") for _, name in prefixed), "the beginning of a name would be that of others too"
    assert {name for resource, name in prefixed if resource == TOPIC} == {"p-inputs."}
    assert {resource for resource, _ in prefixed} == {TOPIC, GROUP, TRANSACTIONAL_ID}


def test_every_topic_is_written_by_somebody_and_nobody_alters_one() -> None:
    written = {acl.name for acl in RULES if acl.operation == WRITE and acl.resource == TOPIC and not acl.denied}
    assert written == {f"p-{name}" for name in (*FIXED, *CONNECT_TOPICS, "inputs.")}
    assert not [acl for acl in RULES if acl.operation in {"Alter", "AlterConfigs", "Delete", "All", "ClusterAction"}]


def test_the_catalog_is_written_by_the_api_alone_but_for_what_the_second_stage_counts() -> None:
    writers = {(acl.principal, acl.name) for acl in RULES if acl.operation == WRITE and acl.name.removeprefix("p-") in CATALOG}
    assert {name for who, name in writers if not who.endswith("-api")} == {"p-spent-quotas"}
    assert ("User:p-collectors-api", "p-spent-quotas") not in writers


def test_a_producer_and_a_reader_get_nothing_else() -> None:
    of = {who: {acl for acl in RULES if acl.principal == f"User:p-collectors-{who}"} for who in ("producer", "reader.acme.quality")}
    assert {(acl.operation, acl.name) for acl in of["producer"]} == {(WRITE, "p-predictions")}
    assert {(acl.operation, acl.resource, acl.name) for acl in of["reader.acme.quality"]} == {
        (READ, TOPIC, "p-inputs.acme.quality"),
        (READ, GROUP, "p-collectors-reader.acme.quality."),
        (DESCRIBE, GROUP, "p-collectors.reader"),
    }


def test_an_inputs_topic_is_named_as_the_topic_is() -> None:
    assert Acl("User:collectors-reader.a_b.c", TOPIC, "inputs.a__b.c", READ) in wanted_acls("", [("a_b", "c")])


@pytest.mark.parametrize("name", [*(f"collectors-{part}" for part in PARTS), "collectors-reader.acme.quality"])
def test_the_principals_of_a_prefix_are_ours_and_those_of_another_are_not(name: str) -> None:
    assert is_ours(f"User:p-{name}", "p-")
    assert not is_ours(f"User:{name}", "p-")
    assert not is_ours(f"User:p-{name}", "")
    assert not is_ours(f"User:p-{name}x", "p-") or "reader" in name
    assert not is_ours(f"Group:p-{name}", "p-")


def test_what_is_missing_is_granted_and_what_is_too_much_is_taken_away() -> None:
    rule, stray = RULES[0], Acl("User:p-collectors-api", TOPIC, "p-predictions", CREATE)
    others = Acl("User:somebody", TOPIC, "p-predictions", READ)
    found = plan_acls(RULES, {*RULES, stray, others} - {rule}, "p-")
    assert found == Plan((Grant(rule), Revoke(stray)))
    assert plan_acls(RULES, {*RULES, others}, "p-").settled


def test_without_an_authorizer_everything_is_shown_and_said_to_mean_nothing() -> None:
    found = plan_acls(RULES, None, "p-")
    assert (len(found.steps), found.notes) == (len(RULES), (NO_AUTHORIZER,))


def test_a_rule_is_told_in_words() -> None:
    told = [str(Grant(acl)) for acl in RULES if acl.principal.endswith("-sink")]
    assert "grant User:p-collectors-sink: never Read topic p-inputs.dead-letters" in told
    assert "grant User:p-collectors-sink: Read topic p-inputs.*" in told
    assert str(Revoke(Acl("User:a", TOPIC, "t", READ, host="10.0.0.1"))) == "revoke User:a: Read topic t from 10.0.0.1"
