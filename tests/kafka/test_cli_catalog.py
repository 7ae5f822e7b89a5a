"""apply, get, delete and keys, from the command line to a real broker and back."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from click.testing import CliRunner

from processor.cli.main import cli
from processor.errors import EXIT_DONE, EXIT_FAILED, EXIT_USAGE, CollectorsError
from processor.kafka.admin import Admin
from processor.topics.apply import apply_topics
from processor.topics.names import prefixed
from tests.support.documents import FIRST_COLLECTOR, FIRST_KEY

if TYPE_CHECKING:
    from processor.settings import Settings

pytestmark = pytest.mark.kafka
ROOT = Path(__file__).parents[2]


class Commands:
    """``collectors`` in a folder of its own, against topics of its own."""

    def __init__(self, settings: Settings) -> None:
        self._environment = {
            "COLLECTORS_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
            "COLLECTORS_TOPIC_PREFIX": settings.topic_prefix,
            "COLLECTORS_CONFIG_FOLDER": str(ROOT),
        }

    def run(self, *arguments: str, given: bytes = b"", exit_code: int = EXIT_DONE) -> str:
        result = CliRunner().invoke(cli, list(arguments), env=self._environment, input=given)
        if isinstance(result.exception, CollectorsError):
            assert result.exception.exit_code == exit_code, result.exception
            return str(result.exception)
        assert result.exit_code == exit_code, (result.output, result.exception)
        return result.stdout

    def json(self, *arguments: str, given: bytes = b"", exit_code: int = EXIT_DONE) -> Any:
        return orjson.loads(self.run(*arguments, "--json", given=given, exit_code=exit_code))


@pytest.fixture
def commands(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.chdir(tmp_path)
    apply_topics(settings)
    return Commands(settings)


def with_key(commands: Commands) -> dict[str, Any]:
    made: dict[str, Any] = commands.json("keys", "create", "--user", "acme", "--app", "quality", "--id", "ingest", "--scopes", "PostInputs")
    return made


def test_applied_documents_are_active_once_the_key_is_there(commands: Commands, settings: Settings) -> None:
    answer = commands.json("apply", "-f", "-", given=FIRST_COLLECTOR)
    assert [each["result"] for each in answer["documents"]] == ["created"] * 4
    assert "key acme/quality/ingest does not exist" in answer["warnings"][0]["message"]
    assert prefixed(settings, "inputs.acme.quality") in Admin(settings).names()
    before = commands.json("get", "collector", "a-tenth-of-general", "--user", "acme", "--app", "quality")
    assert (before["status"]["code"], before["status_reason"][:29]) == (52002, "key acme/quality/ingest does ")
    with_key(commands)
    after = commands.json("get", "Collectors", "--user", "acme")[0]
    assert (after["status"], after["status_reason"]) == ({"code": 52001, "description": "ACTIVE"}, "")


def test_what_get_prints_can_be_applied_again_and_changes_nothing(commands: Commands) -> None:
    commands.run("apply", "-f", "-", given=FIRST_COLLECTOR)
    for kind in ("apps", "models", "workflows", "collectors"):
        text = commands.run("get", kind, "-o", "yaml").encode()
        again = commands.json("apply", "-f", "-", given=text)
        assert [each["result"] for each in again["documents"]] == ["unchanged"], text
        assert again["catalog_version"] == ""


def test_documents_in_reverse_order_of_reference_one_call_each_come_to_the_same(commands: Commands) -> None:
    with_key(commands)
    for text in reversed(FIRST_COLLECTOR.split(b"---\n")):
        commands.run("apply", "-f", "-", given=text)
    (found,) = commands.json("get", "collectors")
    assert found["status_reason"] == ""


def test_one_wrong_document_keeps_the_whole_call_from_being_written(commands: Commands) -> None:
    text = FIRST_COLLECTOR + b"---\nkind: Workflow\nuser_id: acme\napp_id: 1\nid: w\nnodes: []\n---\na: [\n"
    answer = commands.json("apply", "-f", "-", given=text, exit_code=EXIT_FAILED)
    assert [(each["document"][:7], each["path"]) for each in answer["problems"]] == [
        ("stdin#5", "app_id"),
        ("stdin#5", "nodes"),
        ("stdin#6", ""),
    ]
    assert "line 39" in answer["problems"][2]["message"]
    assert commands.json("get", "apps") == []


def test_problems_within_documents_and_between_them_are_told_together(commands: Commands) -> None:
    served = b"kind: Model\nuser_id: acme\napp_id: quality\nid: keep-a-tenth\nmodel_type_id: visual-classifier\n"
    text = FIRST_COLLECTOR.replace(FIRST_COLLECTOR.split(b"---\n")[1], served) + b"---\nkind: App\nid: x\n"
    problems = commands.json("apply", "-f", "-", given=text, exit_code=EXIT_FAILED)["problems"]
    assert [(each["path"], each["code"]) for each in problems] == [("user_id", 11102), ("pre_queue_workflow_id", 22107)]


def test_a_pause_is_kept_by_an_apply_that_does_not_speak_of_it_and_ends_when_asked_to(commands: Commands) -> None:
    with_key(commands)
    commands.run("apply", "-f", "-", given=FIRST_COLLECTOR + b"status: {code: 52002}\n")
    assert commands.json("apply", "-f", "-", given=FIRST_COLLECTOR)["catalog_version"] == ""
    assert commands.json("get", "collectors")[0]["status_reason"] == "paused"
    commands.run("apply", "-f", "-", given=FIRST_COLLECTOR + b"status: {code: 52001}\n")
    assert commands.json("get", "collectors")[0]["status_reason"] == ""


def test_created_at_is_the_time_of_the_first_write(commands: Commands) -> None:
    commands.run("apply", "-f", "-", given=FIRST_COLLECTOR)
    (first,) = commands.json("get", "apps")
    answer = commands.json(
        "apply", "-f", "-", given=b"{kind: App, user_id: acme, id: quality, plan: enterprise, created_at: 2001-01-01T00:00:00Z}"
    )
    assert answer["documents"] == [{"kind": "App", "key": "acme/quality", "result": "changed"}]
    assert commands.json("get", "apps") == [first | {"plan": "enterprise"}]


def test_deleting_a_workflow_says_which_collector_stops_and_applying_it_again_starts_it(commands: Commands) -> None:
    with_key(commands)
    commands.run("apply", "-f", "-", given=FIRST_COLLECTOR)
    answer = commands.json("delete", "workflow", "sample", "--user", "acme", "--app", "quality")
    (warning,) = answer["warnings"]
    assert warning["document"] == f"Collector {FIRST_KEY}"
    assert "workflow acme/quality/sample does not exist" in warning["message"]
    assert commands.json("get", "collectors")[0]["status"]["description"] == "INACTIVE"
    commands.run("apply", "-f", "-", given=FIRST_COLLECTOR.split(b"---\n")[2])
    assert commands.json("get", "collectors")[0]["status"]["description"] == "ACTIVE"


def test_a_file_that_is_not_there_or_stdin_twice_is_wrong_use(commands: Commands, tmp_path: Path) -> None:
    assert "nope.yaml: No such file" in commands.run("apply", "-f", "nope.yaml", exit_code=EXIT_USAGE)
    assert "directory" in commands.run("apply", "-f", str(tmp_path), exit_code=EXIT_USAGE)
    assert "twice" in commands.run("apply", "-f", "-", "-f", "-", exit_code=EXIT_USAGE)


def test_problems_of_documents_are_told_without_a_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["apply", "-f", "-", "--json"], input=FIRST_COLLECTOR + b"---\nkind: App\nid: x\n")
    assert [each["path"] for each in orjson.loads(result.stdout)["problems"]] == ["user_id"]


def test_deleting_what_is_not_there_fails_and_says_so(commands: Commands) -> None:
    text = commands.run("delete", "collector", "nope", "--user", "acme", "--app", "quality", exit_code=EXIT_FAILED)
    assert "there is no Collector acme/quality/nope" in text
    assert "there is no" in commands.run("get", "collector", "nope", exit_code=EXIT_FAILED)
    assert "no kind of document" in commands.run("get", "collectibles", exit_code=EXIT_USAGE)


def test_a_created_key_prints_its_secret_once_and_the_catalog_has_only_its_hash(commands: Commands, tmp_path: Path) -> None:
    made = with_key(commands)
    assert {name: made[name] for name in ("id", "user_id", "app_id", "scopes")} == {
        "id": "ingest",
        "user_id": "acme",
        "app_id": "quality",
        "scopes": ["PostInputs"],
    }
    assert len(bytes.fromhex(made["secret"])) == 32
    stored = tmp_path / ".collectors" / "secrets" / "acme.quality.ingest"
    assert stored.read_text(encoding="utf-8") == made["secret"]
    assert (stored.stat().st_mode & 0o777, stored.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    shown = commands.run("get", "keys", "-o", "yaml") + commands.run("keys", "list") + commands.run("keys", "list", "--json")
    assert made["secret"] not in shown
    assert hashlib.sha256(made["secret"].encode()).hexdigest() not in shown


def test_a_key_id_is_given_away_once_and_revoking_forgets_both_key_and_secret(commands: Commands, tmp_path: Path) -> None:
    with_key(commands)
    arguments = ("--user", "acme", "--app", "quality", "--id", "ingest")
    assert "revoke it first" in commands.run("keys", "create", *arguments, "--scopes", "PostInputs", exit_code=EXIT_FAILED)
    commands.run("keys", "revoke", *arguments)
    assert commands.json("keys", "list") == []
    assert list((tmp_path / ".collectors" / "secrets").iterdir()) == []
    commands.run("keys", "revoke", *arguments, exit_code=EXIT_FAILED)


def test_an_imported_secret_is_stored_and_importing_it_elsewhere_writes_nothing_new(commands: Commands, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b"from-the-destination\n")
    arguments = ("keys", "import", "--user", "acme", "--app", "", "--id", "token", "--secret-file", str(file))
    assert commands.json(*arguments)["scopes"] == ["PostInputs"]
    stored = tmp_path / ".collectors" / "secrets" / "acme..token"
    assert stored.read_text(encoding="utf-8") == "from-the-destination"
    stored.unlink()
    (before,) = commands.json("keys", "list")
    assert before["secret_stored"] is False
    commands.run(*arguments)
    assert commands.json("keys", "list") == [before | {"secret_stored": True}]


def test_a_collector_posts_with_its_owners_personal_token_where_the_app_has_no_such_key(commands: Commands) -> None:
    commands.run("apply", "-f", "-", given=FIRST_COLLECTOR)
    commands.run("keys", "create", "--user", "acme", "--id", "ingest", "--scopes", "PostInputs")
    assert commands.json("get", "collectors")[0]["status_reason"] == ""


def test_keys_with_unknown_scopes_or_unusable_secrets_are_refused(commands: Commands, tmp_path: Path) -> None:
    arguments = ("--user", "acme", "--app", "quality", "--id", "k")
    assert "Input_Add" in commands.run("keys", "create", *arguments, "--scopes", "Input_Add", exit_code=EXIT_USAGE)
    assert "--user" in commands.run("keys", "create", "--user", "a/b", "--id", "k", "--scopes", "PostInputs", exit_code=EXIT_USAGE)
    for secret in (b"", b"two\nlines", "ü".encode(), b"x" * 5000):
        (tmp_path / "secret").write_bytes(secret)
        commands.run("keys", "import", *arguments, "--secret-file", str(tmp_path / "secret"), exit_code=EXIT_USAGE)
    assert commands.json("keys", "list") == []
