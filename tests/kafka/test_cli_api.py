"""apply, get and delete through `collectors serve`: what they print, and how they end, is what they print and how they end without it."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import orjson
import pytest
from click.testing import CliRunner

from processor.cli.main import cli
from processor.errors import EXIT_DONE, EXIT_FAILED, EXIT_USAGE, CollectorsError
from processor.resources import SCOPES
from processor.settings import Settings
from processor.topics.apply import apply_topics
from tests.support.documents import FIRST_COLLECTOR
from tests.support.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.brokers import Broker

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
ROOT = Path(__file__).parents[2]
APP, *OTHERS = FIRST_COLLECTOR.split(b"---\n")
IN_QUALITY = ("--user", "acme", "--app", "quality")


class Outcome(NamedTuple):
    """How a command ended, with what differs from one cluster to the next taken out."""

    exit_code: int
    error: str
    stdout: str
    stderr: str


class Typed:
    """``collectors`` on topics of its own, or through an API that stands before them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.environment: dict[str, str | None] = {
            "COLLECTORS_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
            "COLLECTORS_TOPIC_PREFIX": settings.topic_prefix,
            "COLLECTORS_CONFIG_FOLDER": str(ROOT),
        }

    def type(self, *words: str, given: bytes = b"") -> Outcome:
        result = CliRunner().invoke(cli, list(words), env=self.environment, input=given)
        exit_code, error = result.exit_code, ""
        if isinstance(result.exception, CollectorsError):
            exit_code, error = result.exception.exit_code, str(result.exception)
        else:
            assert isinstance(result.exception, SystemExit | None), result.exception
        return Outcome(exit_code, *(bare(text) for text in (error, result.stdout, result.stderr)))

    def prepare(self) -> str:
        """Topics, the app with its plan, a key to post with and one for the API; the secret of this one."""
        apply_topics(self.settings)
        assert self.type("apply", "-f", "-", given=APP).exit_code == EXIT_DONE
        self.type("keys", "create", *IN_QUALITY, "--id", "ingest", "--scopes", "PostInputs")
        words = ["keys", "create", "--user", "acme", "--id", "token", "--scopes", ",".join(sorted(SCOPES)), "--json"]
        made = CliRunner().invoke(cli, words, env=self.environment)
        secret: str = orjson.loads(made.stdout)["secret"]
        return secret

    def through(self, url: str, secret: str) -> None:
        """From now on by the API alone: the brokers' address leads nowhere."""
        self.environment |= {"COLLECTORS_API_URL": url, "COLLECTORS_API_KEY": secret, "COLLECTORS_BOOTSTRAP_SERVERS": "127.0.0.1:1"}


def bare(text: str) -> str:
    """Without times and versions of the catalog."""
    return re.sub(r"\b[0-9a-f]{24}\b", "VERSION", re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", text))


@pytest.fixture
def both(broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Typed, Typed]]:
    """Two clusters' worth of topics: one is spoken to directly, the other through an API."""
    monkeypatch.chdir(tmp_path)
    prefixes = [f"t{secrets.token_hex(3)}-" for _ in range(2)]
    direct, behind = (Typed(Settings(bootstrap_servers=broker.bootstrap_servers, topic_prefix=each, instance=each)) for each in prefixes)
    direct.prepare()
    secret = behind.prepare()
    with Serving(behind.settings, tmp_path) as there:
        behind.through(there.url, secret)
        yield direct, behind


WRONG = b"---\n".join(
    [
        FIRST_COLLECTOR.replace(b"keep_fraction: 0.1", b"keep_fraction: 7").replace(b"a-tenth-of-general", b"other"),
        b"kind: Workflow\nuser_id: acme\napp_id: quality\nid: odd\nnodes: []\n",
        b"kind: App\nid: x\n",
        b"a: [\n",
    ]
)
BROKEN_TOGETHER = FIRST_COLLECTOR.replace(OTHERS[0], OTHERS[0].replace(b"random-sample", b"visual-classifier")) + b"---\nkind: App\nid: x\n"
PAUSED, RESUMED = FIRST_COLLECTOR + b"status: {code: 52002}\n", FIRST_COLLECTOR + b"status: {code: 52001}\n"
# What is typed, and what is on stdin.
SESSION: tuple[tuple[tuple[str, ...], bytes], ...] = (
    (("get", "collectors"), b""),
    (("apply", "-f", "-", "--json"), FIRST_COLLECTOR),
    (("apply", "-f", "-"), FIRST_COLLECTOR),
    *((("get", kind, "-o", "json"), b"") for kind in ("apps", "collectors", "keys", "models", "workflows", "knowledge-graphs", "graphs")),
    *((("get", kind), b"") for kind in ("apps", "collectors", "keys")),
    (("get", "collector", "a-tenth-of-general", *IN_QUALITY, "-o", "yaml"), b""),
    (("get", "collector", "a-tenth-of-general", *IN_QUALITY, "--json"), b""),
    (("get", "app", "quality", "--user", "acme", "--json"), b""),
    (("get", "models", "--user", "acme"), b""),
    (("get", "models", "--app", "nowhere"), b""),
    (("get", "key", "ingest"), b""),
    (("apply", "-f", "-", "--json"), WRONG),
    (("apply", "-f", "-"), WRONG),
    (("apply", "-f", "-", "--json"), BROKEN_TOGETHER),
    (("apply", "-f", "-", "--json"), b"just text"),
    (("apply", "-f", "-"), b""),
    (("apply", "-f", "-", "--json"), PAUSED),
    (("apply", "-f", "-", "--json"), FIRST_COLLECTOR),
    (("get", "collectors"), b""),
    (("apply", "-f", "-"), RESUMED),
    (("get", "collectors"), b""),
    (("apply", "-f", "nowhere.yaml"), b""),
    (("delete", "workflow", "sample", *IN_QUALITY, "--json"), b""),
    (("get", "collectors"), b""),
    (("apply", "-f", "-"), OTHERS[2]),
    (("delete", "workflow", "sample", *IN_QUALITY), b""),
    (("get", "workflow", "sample", *IN_QUALITY), b""),
    (("delete", "model", "keep-a-tenth", *IN_QUALITY), b""),
    (("delete", "app", "quality", *IN_QUALITY), b""),
    (("delete", "key", "ingest", *IN_QUALITY), b""),
    (("delete", "collector", "a-tenth-of-general", *IN_QUALITY), b""),
    (("delete", "app", "quality", "--user", "acme"), b""),
    (("get", "apps"), b""),
)


def test_a_session_through_the_api_is_the_same_to_the_letter(both: tuple[Typed, Typed]) -> None:
    direct, behind = both
    ended = set()
    for words, given in SESSION:
        wanted, found = direct.type(*words, given=given), behind.type(*words, given=given)
        assert found == wanted, words
        ended.add(wanted.exit_code)
    assert ended == {EXIT_DONE, EXIT_FAILED, EXIT_USAGE}


def test_what_get_prints_can_be_applied_again_through_the_api(both: tuple[Typed, Typed]) -> None:
    _, behind = both
    behind.type("apply", "-f", "-", given=FIRST_COLLECTOR)
    for kind in ("apps", "models", "workflows", "collectors"):
        text = CliRunner().invoke(cli, ["get", kind, "-o", "yaml"], env=behind.environment).stdout_bytes
        again = orjson.loads(behind.type("apply", "-f", "-", "--json", given=text).stdout)
        assert [each["result"] for each in again["documents"]] == ["unchanged"], text


def test_where_apply_warns_the_api_refuses(both: tuple[Typed, Typed]) -> None:
    direct, behind = both
    warned, refused = (each.type("apply", "-f", "-", given=OTHERS[1]) for each in (direct, behind))
    said = "stdin#1 Workflow acme/quality/sample: nodes[0].model.id: node sampler: model acme/quality/keep-a-tenth does not exist"
    assert (warned.exit_code, warned.stderr) == (EXIT_DONE, f"warning: {said}\n")
    assert (refused.exit_code, refused.error) == (EXIT_FAILED, said)
    assert "Workflow" not in behind.type("get", "workflows").stdout


def test_a_key_that_opens_nothing_is_told_of_and_told_apart_from_what_it_may_not_do(both: tuple[Typed, Typed]) -> None:
    _, behind = both
    right = str(behind.environment["COLLECTORS_API_KEY"])
    others = FIRST_COLLECTOR.replace(b"user_id: acme", b"user_id: zoe")
    assert (
        "Model zoe/quality/keep-a-tenth: key acme//token does not open app zoe/quality"
        in behind.type("apply", "-f", "-", given=others).error
    )
    behind.environment["COLLECTORS_API_KEY"] = "guessed"
    for words in (("apply", "-f", "-"), ("get", "apps"), ("delete", "app", "quality", "--user", "acme")):
        told = behind.type(*words, given=FIRST_COLLECTOR)
        assert (told.exit_code, "no key has this secret" in told.error, "COLLECTORS_API_KEY" in told.error) == (EXIT_USAGE, True, True)
        assert "guessed" not in "".join(map(str, told))
    behind.environment |= {"COLLECTORS_API_KEY": right}
    assert behind.type("get", "apps").exit_code == EXIT_DONE
