"""What the destination promises, asked the way a client asks, on every database it runs on."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.embedded_destination import (
    ALL,
    BASE_URL,
    INPUTS,
    OTHERS,
    PNG,
    POSTS,
    READS,
    TOKEN,
    base64_of,
    code,
    codes,
    collected_by,
    destination,
    image,
)

if TYPE_CHECKING:
    from tests.support.embedded_destination import Client

TENTH, UNSURE = "acme/quality/tenth", "acme/quality/unsure"


def text(input_id: str, raw: str = "hello", **data: Any) -> dict[str, Any]:
    return {"id": input_id, "data": {"text": {"raw": raw}, **data}}


# Posting


def test_posted_inputs_are_stored_in_the_order_of_the_request(client: Client) -> None:
    answer = client.post(*(text(f"i-{number}") for number in (3, 1, 2)))
    assert (answer.status_code, code(answer), codes(answer)) == (200, 10000, [30000] * 3)
    assert [each["id"] for each in answer.json()["inputs"]] == client.ids() == ["i-3", "i-1", "i-2"]


def test_an_image_is_read_back_byte_by_byte_with_its_type(client: Client) -> None:
    client.post(image("a"))
    shown = client.get(f"{INPUTS}/a").json()["input"]
    address = shown["data"]["image"]["url"]
    assert address == f"{BASE_URL}{INPUTS}/a/image"
    assert "base64" not in shown["data"]["image"]
    found = client.get(address)
    assert (found.content, found.headers["content-type"]) == (PNG, "image/png")
    assert found.headers["x-content-type-options"] == "nosniff"


def test_all_that_an_input_holds_is_read_back(client: Client) -> None:
    data = {
        "text": {"raw": "Grüße \u0000 \U0001f600"},
        "metadata": {"camelCase": None, "deep": [{"a": 1.5, "b": [True, None, "x"]}], "n": 12345678901234567},
        "geo": {"geo_point": {"longitude": 10.7, "latitude": 59.9}},
        "concepts": [{"id": "dog", "name": "Dog", "value": 0.25}],
        "regions": [
            {
                "id": "r-1",
                "region_info": {"bounding_box": {"top_row": 0.5}},
                "data": {"concepts": [{"id": "paw", "value": 1.0}], "text": {"raw": "!"}},
            }
        ],
    }
    assert code(client.post({"id": "a", "data": data})) == 10000
    assert client.get(f"{INPUTS}/a").json()["input"]["data"] == data


def test_the_datasets_of_an_input_are_read_back_each_once(client: Client) -> None:
    client.post({**text("a"), "dataset_ids": ["relabel", "night", "relabel"]}, {**text("b"), "datasetIds": []}, text("c"))
    assert [each.get("dataset_ids") for each in client.get().json()["inputs"]] == [["relabel", "night"], None, None]
    assert client.get(f"{INPUTS}/a").json()["input"]["dataset_ids"] == ["relabel", "night"]


@pytest.mark.parametrize("given", ["relabel", ["a b"], [""], [7], [f"d{number}" for number in range(33)]], ids=str)
def test_what_names_no_datasets_is_refused(client: Client, given: Any) -> None:
    answer = client.post({**text("a"), "dataset_ids": given})
    assert (codes(answer), client.ids()) == ([30104], [])
    assert answer.json()["inputs"][0]["status"]["details"].startswith("dataset_ids")


def test_an_address_posted_beside_the_bytes_is_kept(client: Client) -> None:
    client.post({"id": "a", "data": {"image": {"base64": base64_of(PNG), "url": "https://example.com/1.png"}}})
    shown = client.get(f"{INPUTS}/a").json()["input"]["data"]["image"]
    assert shown == {"url": f"{BASE_URL}{INPUTS}/a/image", "source_url": "https://example.com/1.png"}


def test_an_image_by_url_keeps_its_address_and_has_no_bytes_here(client: Client) -> None:
    client.post({"id": "a", "data": {"image": {"url": "https://example.com/1.png"}}})
    assert client.get(f"{INPUTS}/a").json()["input"]["data"]["image"] == {"url": "https://example.com/1.png"}
    missing = client.get(f"{INPUTS}/a/image")
    assert (missing.status_code, code(missing)) == (404, 30102)
    assert "by URL" in missing.json()["status"]["details"]


def test_both_spellings_of_names_and_numbers_as_text_are_taken(client: Client) -> None:
    concepts = [{"id": "c", "value": "0.5"}]
    regions = [{"id": "r", "regionInfo": {"keptAsItIs": 1}, "data": {"concepts": concepts}}]
    given = {"id": "a", "data": {"image": {"url": "http://a", "allowDuplicateUrl": True}, "metadata": None, "regions": regions}}
    app = {"userId": "acme", "appId": "quality"}
    answer = client.ask("POST", INPUTS, json={"inputs": [given], "inputIdConflictResolution": 2, "userAppId": app})
    assert code(answer) == 10000
    assert client.get(f"{INPUTS}/a").json()["input"]["data"]["regions"] == [
        {"id": "r", "region_info": {"keptAsItIs": 1}, "data": {"concepts": [{"id": "c", "value": 0.5}]}}
    ]


def test_an_input_without_an_id_gets_one(client: Client) -> None:
    answer = client.post({"data": {"text": {"raw": "x"}}}, {"data": {"text": {"raw": "y"}}})
    ids = [each["id"] for each in answer.json()["inputs"]]
    assert len(set(ids)) == 2
    assert client.ids() == ids


def test_a_bad_item_is_refused_alone_with_all_that_is_wrong_with_it(client: Client) -> None:
    bad = {"id": "bad", "data": {"text": {"raw": 1}, "concepts": [{"id": "c", "value": 2}], "embeddings": []}}
    answer = client.post(text("a"), bad, text("b"))
    assert (answer.status_code, code(answer), codes(answer)) == (207, 10010, [30000, 30104, 30000])
    details = answer.json()["inputs"][1]["status"]["details"]
    assert all(path in details for path in ("data.text.raw", "data.concepts[0].value", "data.embeddings"))
    assert client.ids() == ["a", "b"]


def test_all_refused_with_one_code_has_that_code_on_top(client: Client) -> None:
    answer = client.post({"id": "a", "data": {}}, {"id": "b"})
    assert (answer.status_code, code(answer), codes(answer)) == (400, 30104, [30104, 30104])


def test_all_refused_with_different_codes_is_a_failure(client: Client) -> None:
    client.post(text("a"))
    answer = client.post(text("a"), {"id": "b", "data": {}})
    assert (answer.status_code, code(answer), codes(answer)) == (400, 10020, [30100, 30104])


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"image": {"base64": base64_of(b"no image at all")}}, 30101),
        ({"video": {"base64": base64_of(PNG)}}, 30101),
        ({"image": {"base64": "?"}}, 30104),
        ({"image": {"base64": ""}}, 30104),
        ({"image": {}}, 30104),
        ({"text": {}}, 30104),
        ({"metadata": []}, 30104),
        ({"concepts": [{"name": "without an id"}]}, 30104),
        ({"concepts": [{"id": "c", "value": True}]}, 30104),
        ({"regions": [{"data": {"concepts": [{"id": "a\u0000b"}]}}]}, 30104),
        ({"image": {"url": "http://a", "URL": "http://b"}}, 30104),
    ],
    ids=str,
)
def test_what_cannot_be_stored_whole_is_not_stored(client: Client, data: dict[str, Any], expected: int) -> None:
    answer = client.post({"id": "a", "data": data})
    assert (answer.status_code, code(answer), codes(answer)) == (400, expected, [expected])
    assert client.ids() == []


@pytest.mark.parametrize("input_id", ["a b", "-a", "a/b", "ä", "x" * 81, 7, None])
def test_an_id_is_one_or_is_left_out(client: Client, input_id: Any) -> None:
    assert code(client.post({"id": input_id, "data": {"text": {"raw": "x"}}})) == (10000 if input_id is None else 30104)


def test_metadata_may_be_deep_but_not_without_end(client: Client) -> None:
    def deep(levels: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for _ in range(levels):
            found = {"a": found}
        return found

    answer = client.post(text("a", metadata=deep(100)), text("b", metadata=deep(600)))
    assert codes(answer) == [30000, 30104]
    assert client.get(f"{INPUTS}/a").json()["input"]["data"]["metadata"] == deep(100)


# The same id again


def test_posting_again_changes_nothing_and_says_duplicate(client: Client) -> None:
    client.post(text("a", "first"))
    answer = client.post(text("a", "second"))
    assert (answer.status_code, code(answer), codes(answer)) == (400, 30100, [30100])
    assert client.get(f"{INPUTS}/a").json()["input"]["data"]["text"]["raw"] == "first"


def test_a_duplicate_does_not_hold_its_neighbours_up(client: Client) -> None:
    client.post(text("a"))
    answer = client.post(text("a"), text("b"), input_id_conflict_resolution="SKIP")
    assert (answer.status_code, code(answer), codes(answer)) == (207, 10010, [30100, 30000])


def test_with_suffixes_a_taken_id_is_stored_under_another(client: Client) -> None:
    client.post(text("a"))
    ids = [client.post(text("a"), input_id_conflict_resolution="SUFFIX").json()["inputs"][0]["id"] for _ in range(11)]
    assert ids[:9] == [f"a-{number}" for number in range(1, 10)]
    assert all(found.startswith("a-") and len(found) == len("a-") + 16 for found in ids[9:])
    assert sorted(client.ids()) == sorted(["a", *ids])


def test_the_suffixes_of_one_request_meet_neither_each_other_nor_its_ids(client: Client) -> None:
    client.post(text("a"), text("a-1"))
    answer = client.post(image("a"), text("a-1"), text("a-2"), input_id_conflict_resolution="SUFFIX")
    assert [each["id"] for each in answer.json()["inputs"]] == ["a-3", "a-1-1", "a-2"]
    assert client.get(f"{INPUTS}/a-3/image").content == PNG


@pytest.mark.parametrize("resolution", ["SKIP", "SUFFIX"])
def test_of_two_equal_ids_in_one_request_the_second_is_a_duplicate(client: Client, resolution: str) -> None:
    answer = client.post(text("a", "first"), text("a", "second"), input_id_conflict_resolution=resolution)
    assert codes(answer) == [30000, 30100]
    assert client.get(f"{INPUTS}/a").json()["input"]["data"]["text"]["raw"] == "first"


def test_requests_at_once_that_share_ids_store_each_once(client: Client) -> None:
    """Some ask in one order and some in the other, so that any two could wait for each other for ever."""
    ids = [f"i-{number:03}" for number in range(100)]
    answers: list[int] = []
    for number in range(8):
        of_this_round = [f"{number}-{each}" for each in ids]
        batches = [of_this_round, of_this_round[::-1]] * 3
        with ThreadPoolExecutor(len(batches)) as at_once:
            for found in at_once.map(lambda batch: codes(client.post(*(text(each, "x" * 2_000) for each in batch))), batches):
                answers += found
    assert Counter(answers) == {30000: 8 * 100, 30100: 8 * 500}


def test_the_same_id_in_two_apps_is_two_inputs(client: Client) -> None:
    client.post(text("a", "quality"))
    client.post(text("a", "farm"), secret=OTHERS, path="/v2/users/zoe/apps/farm/inputs")
    assert client.get("/v2/inputs/a", OTHERS).json()["input"]["data"]["text"]["raw"] == "farm"
    assert client.get(f"{INPUTS}/a").json()["input"]["data"]["text"]["raw"] == "quality"


# Bodies that are no list of inputs


@pytest.mark.parametrize(
    ("body", "http", "expected"),
    [
        (b"", 400, 11102),
        (b"{", 400, 11100),
        (b"\xff", 400, 11100),
        (b"[]", 400, 11100),
        (b"null", 400, 11100),
        (b"{}", 400, 11102),
        (b'{"inputs": []}', 400, 11102),
        (b'{"inputs": {}}', 400, 11102),
        (b'{"inputs": [{}], "input_id_conflict_resolution": "OVERWRITE"}', 400, 11102),
        (b'{"inputs": [{}], "input_id_conflict_resolution": true}', 400, 11102),
        (b'{"inputs": [{}], "input_id_conflict_resolution": []}', 400, 11102),
        (b'{"inputs": [{}], "inputz": 1}', 400, 11102),
        (b'{"inputs": [{}], "user_app_id": 1}', 400, 11102),
        (b'{"inputs": [{}], "inputIdConflictResolution": "SKIP", "input_id_conflict_resolution": "SUFFIX"}', 400, 11102),
        (b'{"inputs": [1e999]}', 400, 11100),
        (b'{"inputs": [' + b"1," * 128 + b"1]}", 400, 30105),
    ],
)
def test_a_body_that_cannot_be_told_into_items_is_refused_whole(client: Client, body: bytes, http: int, expected: int) -> None:
    answer = client.ask("POST", INPUTS, content=body)
    assert (answer.status_code, code(answer)) == (http, expected)
    assert "inputs" not in answer.json()


def test_128_inputs_fit_one_request(client: Client) -> None:
    assert codes(client.post(*(text(f"i-{number}") for number in range(128)))) == [30000] * 128
    assert len(client.ids()) == 128


# Listing


def test_pages_are_the_whole_list_in_order(client: Client) -> None:
    for number in range(3):
        client.post(*(text(f"{number}-{position}") for position in range(3)))
    pages = [client.ids(page=page, per_page=4) for page in (1, 2, 3, 4)]
    assert pages == [["0-0", "0-1", "0-2", "1-0"], ["1-1", "1-2", "2-0", "2-1"], ["2-2"], []]


def test_inputs_are_found_by_collector_concept_and_time(client: Client) -> None:
    client.post(text("a", metadata=collected_by(TENTH), concepts=[{"id": "dog"}]))
    client.post(text("b", metadata=collected_by(UNSURE), regions=[{"data": {"concepts": [{"id": "dog"}, {"id": "cat"}]}}]))
    client.post(text("c", metadata=collected_by(TENTH), concepts=[{"id": "cat"}]))
    client.post(text("d"))
    times = [each["created_at"] for each in client.get().json()["inputs"]]
    assert client.ids(collector=TENTH) == client.ids(collector="tenth") == ["a", "c"]
    assert client.ids(concept="dog") == ["a", "b"]
    assert client.ids(concept="cat", collector="unsure") == ["b"]
    assert client.ids(**{"from": times[1], "to": times[3]}) == ["b", "c"]
    assert client.ids(ids=["d", "a", "no"]) == ["a", "d"]
    assert client.ids(concept="o' \" % \\ cat") == []


@pytest.mark.parametrize(
    "query",
    ["page=0", "page=x", "page=1&page=2", "per_page=1001", "per_page=-1", "page=99999999999", "from=yesterday", "to=2026-11-22T02:00:00",
     "collektor=x", "concept=%00", "collector=a%0ab", "user_app_id.user_id=zoe"],
)  # fmt: skip
def test_a_query_that_makes_no_sense_is_refused(client: Client, query: str) -> None:
    answer = client.get(f"{INPUTS}?{query}")
    assert (answer.status_code, code(answer)) == (400, 11102)


def test_the_query_may_name_the_app_as_the_published_client_does(client: Client) -> None:
    assert code(client.get(f"{INPUTS}?user_app_id.user_id=acme&user_app_id.app_id=quality&perPage=1")) == 10000


# Deleting


def test_deleted_inputs_are_gone_with_their_bytes_and_may_come_again(client: Client) -> None:
    client.post(image("a", concepts=[{"id": "dog"}]), image("b"), image("c"))
    answer = client.ask("DELETE", INPUTS, json={"ids": ["a", "c", "never", "nul\u0000"]})
    assert (answer.status_code, code(answer), codes(answer)) == (207, 10010, [10000, 10000, 30102, 30102])
    assert client.ids() == ["b"]
    assert client.get(f"{INPUTS}/a/image").status_code == 404
    assert client.ids(concept="dog") == []
    assert code(client.post(image("a"))) == 10000


def test_one_input_is_deleted_by_its_path(client: Client) -> None:
    client.post(text("a"))
    assert code(client.ask("DELETE", f"{INPUTS}/a")) == 10000
    again = client.ask("DELETE", f"{INPUTS}/a")
    assert (again.status_code, code(again)) == (404, 30102)


@pytest.mark.parametrize(
    "body", [{}, {"ids": []}, {"ids": "a"}, {"ids": [1]}, {"ids": ["a"], "delete_all": True}, {"ids": ["a"] * 129}], ids=str
)
def test_a_delete_that_names_no_ids_deletes_nothing(client: Client, body: dict[str, Any]) -> None:
    client.post(text("a"))
    assert client.ask("DELETE", INPUTS, json=body).status_code == 400
    assert client.ids() == ["a"]


def test_nobody_deletes_the_inputs_of_another_app(client: Client) -> None:
    client.post(text("a"), secret=OTHERS, path="/v2/inputs")
    assert codes(client.ask("DELETE", INPUTS, json={"ids": ["a"]})) == [30102]
    assert client.get("/v2/inputs/a", OTHERS).status_code == 200


# Keys


@pytest.mark.parametrize(
    ("secret", "method", "path", "http", "expected"),
    [
        (None, "GET", INPUTS, 401, 11008),
        ("no such secret", "GET", INPUTS, 401, 11009),
        ("ünïcode", "GET", INPUTS, 401, 11009),
        (OTHERS, "GET", INPUTS, 401, 11008),
        (READS, "POST", INPUTS, 403, 11007),
        (POSTS, "DELETE", INPUTS, 403, 11007),
        (TOKEN, "GET", "/v2/inputs", 401, 11008),
        (READS, "GET", INPUTS, 200, 10000),
        (POSTS, "GET", f"{INPUTS}/a/image", 200, None),
        (READS, "GET", "/v2/inputs", 200, 10000),
        (TOKEN, "GET", "/v2/users/me/apps/quality/inputs", 200, 10000),
        (TOKEN, "GET", "/v2/users/zoe/apps/farm/inputs", 401, 11008),
    ],
)
def test_a_key_opens_its_app_for_what_its_scopes_allow(
    client: Client, secret: str | None, method: str, path: str, http: int, expected: int | None
) -> None:
    client.post(image("a"))
    headers = {} if secret is None else {"authorization": f"Key {secret}".encode()}
    answer = client.ask(method, path, None, headers=headers, json={"inputs": [text("b")], "ids": ["a"]} if method != "GET" else None)
    assert answer.status_code == http
    assert expected is None or code(answer) == expected
    assert client.ids() == ["a"]


def test_what_a_key_lacks_is_named_and_the_secret_is_not(client: Client) -> None:
    details = client.post(text("a"), secret=READS).json()["status"]["details"]
    assert "acme/quality/reads" in details
    assert "Inputs_Add" in details
    assert READS not in details


def test_a_token_posts_to_the_app_that_the_body_names(client: Client) -> None:
    answer = client.post(text("a"), secret=TOKEN, path="/v2/inputs", user_app_id={"user_id": "acme", "app_id": "quality"})
    assert code(answer) == 10000
    assert client.ids() == ["a"]


def test_a_body_that_names_another_app_than_the_path_is_refused(client: Client) -> None:
    answer = client.post(text("a"), user_app_id={"user_id": "acme", "app_id": "other"})
    assert (answer.status_code, code(answer)) == (400, 11102)


# The rest


def test_what_is_not_there_is_answered_in_the_same_way(client: Client) -> None:
    assert [
        (client.get(path).status_code, code(client.get(path))) for path in ("/v3", f"{INPUTS}/a", f"{INPUTS}/a%00", f"{INPUTS}/a/hat")
    ] == [
        (404, 11101),
        (404, 30102),
        (404, 30102),
        (404, 11101),
    ]
    wrong = client.ask("PATCH", INPUTS)
    assert (wrong.status_code, code(wrong)) == (405, 11103)


def test_every_answer_has_an_id_of_its_own(client: Client) -> None:
    assert len({client.get(path).json()["status"]["req_id"] for path in (INPUTS, INPUTS, "/nowhere", "/healthz", "/readyz")}) == 5


def test_inputs_outlive_the_process(database_url: str) -> None:
    with destination(database_url) as first:
        first.post(image("a"))
    with destination(database_url) as second:
        assert second.get(f"{INPUTS}/a/image", ALL).content == PNG
