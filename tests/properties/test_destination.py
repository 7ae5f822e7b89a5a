"""Whatever is posted, the answer is the contract's, and every input is there whole or not at all, as its status says."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processor.rest.status import Code
from tests.support.embedded_destination import INPUTS, PNG, code, codes, destination
from tests.support.odd_json import anything, nearly, objects

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.support.embedded_destination import Client

KNOWN = {int(each): each for each in Code}
MEDIA = ("image", "video", "audio")

ids = st.sampled_from(["a", "b", "c", "a-1", "a-1-1"])
contents = st.sampled_from([PNG, PNG + b"more", b"GIF89a", b"\xff\xd8\xff", b"ID3", b"\x00\x00\x00\x18ftypmp42"])
encoded = st.builds(
    lambda content, encode: encode(content).decode(), contents, st.sampled_from([base64.b64encode, base64.urlsafe_b64encode])
)
media = st.fixed_dictionaries({}, optional={"base64": encoded, "url": st.sampled_from(["https://example.com/x", "s3://bucket/x"])})
concepts = st.lists(st.fixed_dictionaries({"id": st.text(max_size=4), "value": st.floats(0, 1) | st.just("0.5")}), max_size=3)
regions = st.lists(
    st.fixed_dictionaries({"id": st.text(max_size=4)}, optional={"data": st.fixed_dictionaries({"concepts": concepts})}), max_size=2
)
metadata = objects | st.fixed_dictionaries({"collected": anything | st.fixed_dictionaries({"collector": anything})})
data = st.fixed_dictionaries(
    {},
    optional={
        "image": media,
        "video": media,
        "audio": media,
        "text": st.fixed_dictionaries({"raw": st.text(max_size=8)}),
        "metadata": metadata,
        "geo": objects,
        "concepts": concepts,
        "regions": regions,
    },
)
datasets = st.lists(st.sampled_from(["d", "e", "f-1"]), max_size=3)
inputs = st.fixed_dictionaries({"data": data}, optional={"id": ids, "dataset_ids": datasets})


bodies = st.fixed_dictionaries(
    {"inputs": st.lists(nearly(inputs) | nearly(inputs) | anything, max_size=5)},
    optional={"input_id_conflict_resolution": st.sampled_from(["SKIP", "SUFFIX", 0, 1, 2])},
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with destination(f"sqlite:///{tmp_path_factory.mktemp('destination')}/inputs.db") as there:
        yield there


def check_answer(answer: httpx.Response) -> None:
    """It is the contract's, and none of the destination's own faults."""
    top = answer.json()["status"]
    assert answer.status_code < 500, top
    assert KNOWN[top["code"]].http == answer.status_code
    assert top["description"] == KNOWN[top["code"]].words
    assert top["req_id"]


@given(
    body=st.binary(max_size=40) | anything.map(orjson.dumps) | nearly(bodies).map(orjson.dumps), method=st.sampled_from(["POST", "DELETE"])
)
def test_any_body_gets_an_answer_of_the_contract(client: Client, body: bytes, method: str) -> None:
    check_answer(client.ask(method, INPUTS, content=body))


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(body=bodies)
def test_each_input_is_there_whole_or_not_at_all(client: Client, body: dict[str, Any]) -> None:
    client.forget_everything()
    answer = client.ask("POST", INPUTS, content=orjson.dumps(body))
    check_answer(answer)
    stored = {each["id"]: each for each in client.get().json()["inputs"]}
    if "inputs" not in answer.json():
        assert not stored
        return
    items = answer.json()["inputs"]
    assert len(items) == len(body["inputs"])
    accepted = {item["id"]: posted for item, posted in zip(items, body["inputs"], strict=True) if item["status"]["code"] == Code.INPUT_OK}
    assert len(accepted) == codes(answer).count(Code.INPUT_OK)
    assert accepted.keys() == stored.keys()
    for input_id, posted in accepted.items():
        check_whole(client, posted["data"], stored[input_id]["data"])
        assert stored[input_id].get("dataset_ids", []) == [*dict.fromkeys(posted.get("dataset_ids") or [])]
    assert (code(answer) == Code.SUCCESS) == (len(accepted) == len(items))


def check_whole(client: Client, posted: dict[str, Any], shown: dict[str, Any]) -> None:
    """Everything that was posted is read back, the media byte by byte."""
    assert shown.keys() == {name for name, value in posted.items() if value is not None}
    for name in ("text", "metadata", "geo"):
        assert same(posted.get(name), shown.get(name))
    for mine, theirs in zip(posted.get("concepts") or [], shown.get("concepts", []), strict=True):
        assert (mine["id"], float(mine.get("value", 1))) == (theirs["id"], theirs.get("value", 1))
    assert len(posted.get("regions") or []) == len(shown.get("regions", []))
    for medium in MEDIA:
        if (posted.get(medium) or {}).get("base64"):
            content = client.get(shown[medium]["url"])
            assert content.content == base64.b64decode(posted[medium]["base64"].translate(str.maketrans("-_", "+/")))
            assert content.headers["content-type"].partition("/")[0] in {medium, "image"}


def same(posted: Any, shown: Any) -> bool:
    """Equal as JSON: true is not 1, and nothing in a free object is left out."""
    return orjson.dumps(posted, option=orjson.OPT_SORT_KEYS) == orjson.dumps(shown, option=orjson.OPT_SORT_KEYS)


@given(
    query=st.dictionaries(
        st.sampled_from(["page", "per_page", "collector", "concept", "from", "to", "ids", "x"]), st.text(max_size=12), max_size=3
    )
)
def test_any_query_gets_an_answer_of_the_contract(client: Client, query: dict[str, str]) -> None:
    check_answer(client.ask("GET", INPUTS, params=query))


@given(path=st.lists(st.text(max_size=6), max_size=2))
def test_any_path_gets_an_answer_of_the_contract(client: Client, path: list[str]) -> None:
    check_answer(client.get("/".join([INPUTS, *(quote(part, safe="") for part in path)])))


@given(header=st.text(st.characters(max_codepoint=255, blacklist_categories=["Cc"]), max_size=12))
def test_any_header_gets_an_answer_of_the_contract(client: Client, header: str) -> None:
    answer = client.ask("GET", INPUTS, None, headers={"authorization": header.encode("latin-1")})
    check_answer(answer)
    assert answer.status_code == 401
