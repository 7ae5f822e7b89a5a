"""What holds for every request: limits, an answer of the contract's whatever happens, pages for those who run it."""

from __future__ import annotations

import pytest

from processor.api.app import Options
from processor.api.rate import HELD_MAX, RateLimit
from processor.errors import ClusterAway, FixCluster
from processor.rest.body import BodyLimits
from tests.support.api import APP, COLLECTORS, MODELS, OWN, TOKEN, Api, api, code, collector


def test_a_key_that_asks_too_often_is_asked_to_wait_and_others_go_on() -> None:
    now_s = 0.0
    with api(options=Options(requests_per_second=10, burst=3, clock=lambda: now_s)) as there:
        assert [code(there.get(MODELS)) for _ in range(4)] == [10000, 10000, 10000, 11005]
        throttled = there.get(MODELS)
        assert (throttled.status_code, throttled.headers["retry-after"]) == (429, "1")
        assert code(there.get(MODELS, OWN)) == 10000
        now_s = 0.1
        assert [code(there.get(MODELS)) for _ in range(2)] == [10000, 11005]


def test_keys_that_rest_are_forgotten() -> None:
    now_s = 0.0
    rate = RateLimit(1, 1, lambda: now_s)
    for number in range(HELD_MAX):
        assert rate.admits(str(number))
    now_s = 2.0
    assert rate.admits("one more")
    assert len(rate._due_s) == 1


def test_a_request_that_is_too_large_compressed_or_no_json_is_refused() -> None:
    with api(options=Options(bodies=BodyLimits(1_000, 10_000))) as there:
        assert there.post(MODELS, models=[{"id": "m", "description": "x" * 1_000}]).status_code == 413
        assert code(there.ask("POST", MODELS, content=b"{")) == 11100
        assert code(there.ask("POST", MODELS, content=b"[]")) == 11100
        assert code(there.ask("POST", MODELS, content=b"{}", headers={"content-encoding": "gzip"})) == 11100
        assert code(there.ask("POST", MODELS, content=b"")) == 11102


def test_more_items_than_a_request_may_have_are_refused(there: Api) -> None:
    assert code(there.post(COLLECTORS, collectors=[collector(f"c{i}") for i in range(129)])) == 11006
    assert code(there.delete(COLLECTORS, ids=["c"] * 129)) == 11006


def test_what_is_nowhere_is_answered_as_the_contract_does(there: Api) -> None:
    assert code(there.get("/v2/nothing")) == 11101
    assert code(there.ask("PUT", COLLECTORS)) == 11103


@pytest.mark.parametrize(
    "error", [ClusterAway("the brokers do not answer at 10.0.0.1"), FixCluster("topic x is missing")], ids=["away", "broken"]
)
def test_a_cluster_that_does_not_take_it_is_told_without_its_inside(there: Api, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_given: object) -> str:
        raise error

    monkeypatch.setattr(there.cluster, "write", fail)
    answer = there.post(COLLECTORS, collectors=[collector()])
    assert (answer.status_code, code(answer)) == (503, 10030)
    assert str(error) not in answer.text


def test_a_fault_of_ours_tells_an_id_and_no_trace(there: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_given: object) -> str:
        raise RuntimeError("the inside")

    monkeypatch.setattr(there.cluster, "write", fail)
    answer = there.post(COLLECTORS, collectors=[collector()])
    assert (answer.status_code, code(answer)) == (500, 99009)
    assert "inside" not in answer.text
    assert answer.json()["status"]["req_id"] in caplog.text
    assert TOKEN not in caplog.text


def test_no_other_sites_page_may_read_an_answer(there: Api) -> None:
    answer = there.ask("OPTIONS", COLLECTORS, headers={"origin": "https://elsewhere", "access-control-request-method": "GET"})
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert not [name for name in there.get(COLLECTORS).headers if name.startswith("access-control")]


def test_the_pages_for_those_who_run_it_need_no_key(there: Api) -> None:
    assert code(there.get("/healthz", None)) == 10000
    assert code(there.get("/readyz", None)) == 10000
    assert there.get("/metrics", None).status_code == 200
    described = there.get("/openapi.json", None).json()
    assert described["paths"][f"{APP}/collectors".replace("acme", "{user_id}").replace("quality", "{app_id}")].keys() == {
        "post",
        "patch",
        "delete",
        "get",
    }
    assert "/openapi.json" in there.get("/docs", None).text
