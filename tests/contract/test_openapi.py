"""What the API says of itself is true: schemathesis asks everything it says, and what it says not to ask, and finds nothing wrong."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import jsonschema
import pytest

from processor.resources import DOCUMENTS
from processor.rest.status import Code
from tests.support.api import Api, api
from tests.support.fuzzing import fuzz

if TYPE_CHECKING:
    from collections.abc import Iterator

# `scripts/fuzz-api` asks for longer, and in the short paths too.
IN_THE_SUITE = ("--seed", "1", "--generation-deterministic", "--max-examples", "5", "--include-path-regex", "^/v2/(users|documents)")


@pytest.fixture(scope="module")
def there() -> Iterator[Api]:
    with api() as found:
        yield found


@pytest.mark.slow
def test_schemathesis_finds_nothing() -> None:
    done = fuzz(*IN_THE_SUITE)
    assert done.returncode == 0, (done.stdout + done.stderr)[-20_000:]
    generated = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    assert generated, done.stdout[-5_000:]
    assert int(generated[1]) > 1_000, "it asked"


def test_the_description_refers_to_nothing_that_it_does_not_hold(there: Api) -> None:
    text = there.get("/openapi.json", None).text
    described = there.get("/openapi.json", None).json()
    for where, name in set(re.findall(r'"#/components/(\w+)/(\w+)"', text)):
        assert name in described["components"][where]
    for schema in described["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    assert set(DOCUMENTS) < set(described["components"]["schemas"])


def test_every_status_that_an_answer_may_have_is_described(there: Api) -> None:
    described = there.get("/openapi.json", None).json()
    calls = [call for methods in described["paths"].values() for call in methods.values()]
    told = {int(http) for call in calls for http in call["responses"]}
    of_no_call = {Code.METHOD_NOT_ALLOWED.http, Code.INTERNAL.http}
    assert {code.http for code in Code} - of_no_call <= told
    codes = described["components"]["schemas"]["AnswerStatus"]["properties"]["code"]["enum"]
    assert codes == [int(code) for code in Code]


def test_a_method_that_is_not_there_is_told_which_ones_are(there: Api) -> None:
    refused = there.ask("PUT", "/v2/collectors")
    assert (refused.status_code, set(refused.headers["allow"].split(", "))) == (405, {"DELETE", "GET", "PATCH", "POST"})
