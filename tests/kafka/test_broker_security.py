"""The system on a broker that lets in whom it knows and lets them do what they must: each part is a principal of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

import httpx
import orjson
import pytest
from click.testing import CliRunner

from processor.cli.main import cli
from processor.errors import EXIT_CHANGES, EXIT_DONE, EXIT_FAILED, CollectorsError
from processor.kafka.acl_state import GROUP, TOPIC, TRANSACTIONAL_ID, WRITE, Acl
from processor.kafka.acls import Acls
from processor.kafka.admin import Admin
from processor.kafka.reader import TopicReader
from processor.resources import SCOPES
from processor.settings import Settings
from processor.topics.apply import Cluster
from processor.topics.ensure import ensure_inputs_topics
from processor.topics.names import inputs_topic
from processor.topics.plan import Grant
from processor.topics.principals import PARTS, SYSTEM, principal, reader_name
from tests.docs.pages import ROOT, read
from tests.support.probes import Prober, connect_topics, table
from tests.support.secured import Certificates, SecuredBroker
from tests.support.secured_system import WITH_A_CERTIFICATE, SecuredSystem
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

PREFIX, SYSTEM_PREFIX = "probed-", "sys-"
READER = reader_name("acme", "quality")
NAMES = {**{part: f"{SYSTEM}-{part}" for part in PARTS}, "reader of acme/quality": READER, "somebody else": "stranger"}
OPS = "ops"
GRANTS = "`collectors topics plan --acls`"
DOCUMENTS = """
kind: App
user_id: acme
id: quality
plan: professional
---
kind: Collector
user_id: acme
app_id: quality
id: {id}
pre_queue_random_sample: 1.0
{more}
collector_source:
  api_post_model_outputs_collector_source:
    {{model_user_id: clarifai, model_app_id: main, model_id: general, post_inputs_key_id: ingest}}
"""
PREDICTION = {"model": {"user_id": "clarifai", "app_id": "main", "id": "general"}, "input": {"data": {"text": {"raw": "a cat"}}}}


@pytest.fixture(scope="module")
def secured(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBroker]:
    broker = SecuredBroker(pytestconfig.getoption("--broker"), tmp_path_factory.mktemp("secured"))
    try:
        broker.start()
        yield broker
    finally:
        broker.remove()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a topics.yaml that has a reader."""
    made = tmp_path_factory.mktemp("system")
    text = (ROOT / "topics.yaml").read_text(encoding="utf-8")
    (made / "topics.yaml").write_text(text.replace("readers: []", "readers: [acme/quality]"), encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def ops(secured: SecuredBroker, folder: Path) -> Settings:
    """Ops, on a cluster with all topics, all access rules, and a user for everybody."""
    settings = Settings(**secured.with_certificate(), topic_prefix=PREFIX, config_folder=folder)
    Cluster(settings, acls=True).apply()
    ensure_inputs_topics(settings, [("acme", "quality"), ("zoe", "farm")])
    Admin(settings).create(connect_topics(PREFIX))
    secured.add_users(*(f"{PREFIX}{name}" for name in NAMES.values()))
    return settings


@pytest.fixture(scope="module")
def come(secured: SecuredBroker, ops: Settings) -> Callable[[str], Settings]:
    """The settings of each principal."""

    def settings(who: str) -> Settings:
        door = secured.with_certificate() if who == OPS else secured.with_password(f"{PREFIX}{NAMES[who]}")
        return Settings(**door, topic_prefix=PREFIX, instance="host", config_folder=ops.config_folder)

    return settings


def typed(settings: Settings, *words: str) -> tuple[int, str]:
    """A command's exit status and what it says."""
    given = {name: secret.get_secret_value() for name, secret in settings.kafka.items()}
    environment = {
        "COLLECTORS_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "COLLECTORS_TOPIC_PREFIX": settings.topic_prefix,
        "COLLECTORS_INSTANCE": settings.instance,
        "COLLECTORS_CONFIG_FOLDER": str(settings.config_folder),
        "COLLECTORS_KAFKA": orjson.dumps(given).decode(),
    }
    if words[0] == "run":  # it takes over signals and standard input
        command = [sys.executable, "-m", "processor", *words]
        everything = os.environ | environment | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, env=everything, capture_output=True, text=True, timeout=120, check=False)
        return done.returncode, done.stderr
    result = CliRunner().invoke(cli, list(words), env=environment, input='{"id": "p-1"}')
    if isinstance(result.exception, CollectorsError):
        return result.exception.exit_code, f"{result.output}{result.exception}"
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def tried(come: Callable[[str], Settings]) -> dict[str, dict[str, bool]]:
    """What each principal was let do, by principal: everybody tries everything."""
    everybody = [*NAMES, OPS]
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda who: Prober(come(who)).everything(), everybody)
        return dict(zip(everybody, found, strict=True))


def test_the_page_shows_what_the_broker_allows_and_refuses(tried: dict[str, dict[str, bool]]) -> None:
    assert table(tried) in read("docs/security.md"), f"the table of docs/security.md is not what the broker did:\n{table(tried)}"


@pytest.mark.parametrize(
    ("who", "what"),
    [
        ("reader of acme/quality", f"read {inputs_topic('zoe', 'farm')}"),
        ("reader of acme/quality", f"write {inputs_topic('acme', 'quality')}"),
        ("producer", "read predictions"),
        ("producer", "read collectors"),
        ("pre-queue", "write collectors"),
        ("pre-queue", "write inputs.dead-letters"),
        ("sink", f"write {inputs_topic('acme', 'quality')}"),
        ("connect", f"read {inputs_topic('acme', 'quality')}"),
        ("destination", "write keys"),
        *((who, what) for who in NAMES for what in ("change a config of predictions", "delete a topic", "make access rules")),
    ],
)
def test_it_is_refused(who: str, what: str, tried: dict[str, dict[str, bool]]) -> None:
    assert not tried[who][what]
    assert tried[OPS][what], "it could not be done by anybody"


def test_a_principal_of_another_prefix_is_a_stranger(come: Callable[[str], Settings]) -> None:
    settings = come("pre-queue").model_copy(update={"topic_prefix": ""})
    code, told = typed(settings, "consume", "--user", "acme", "--app", "quality")
    assert (code, GRANTS in told) == (EXIT_FAILED, True)


def test_apply_has_nothing_left_to_do_and_takes_away_what_nobody_needs(ops: Settings) -> None:
    assert typed(ops, "topics", "plan", "--acls", "--exit-code")[0] == EXIT_DONE
    stray, others = (Acl(who, TOPIC, f"{PREFIX}audit", WRITE) for who in (principal(PREFIX, f"{SYSTEM}-pre-queue"), "User:somebody"))
    Acls(ops).add([stray, others])
    cluster = Cluster(ops, acls=True)
    wait_until(lambda: cluster.plan().steps, "the rule to be seen")
    code, told = typed(ops, "topics", "plan", "--acls", "--exit-code")
    assert (code, told.splitlines()[0]) == (EXIT_CHANGES, f"revoke {stray}")
    shown = orjson.loads(typed(ops, "topics", "apply", "--acls", "--json")[1])
    assert [step["action"] for step in shown["steps"]] == ["revoke"]
    assert len(shown["acls"]) == len(cluster.wanted_acls())
    found = Acls(ops).all() or frozenset()
    assert others in found
    assert stray not in found


@pytest.mark.parametrize("words", [("topics", "plan"), ("status",), ("produce", "-"), ("get", "collectors"), ("run", "pre-queue")])
def test_a_wrong_password_is_told_with_what_to_correct(words: tuple[str, ...], secured: SecuredBroker) -> None:
    name = f"{PREFIX}{SYSTEM}-pre-queue"
    settings = Settings(**secured.with_password(name, "sesame"), topic_prefix=PREFIX, config_folder=ROOT)
    code, told = typed(settings, *words)
    assert code == EXIT_FAILED, "no start of it again"
    assert "the cluster does not let this client in" in told
    assert "correct sasl.username, sasl.password or sasl.mechanism of `kafka`" in told
    assert "sesame" not in told


def test_certificates_that_either_side_does_not_know_are_told_with_what_to_correct(secured: SecuredBroker, tmp_path: Path) -> None:
    others = Certificates(tmp_path)
    ours, theirs = secured.with_certificate(others.issue(OPS)), secured.with_certificate()
    theirs["kafka"] = theirs["kafka"] | {"ssl.ca.location": str(others.authority)}
    for door in (ours, theirs):
        code, told = typed(Settings(**door, config_folder=ROOT), "topics", "plan")
        assert code == EXIT_FAILED
        assert "correct ssl.ca.location, ssl.certificate.location or ssl.key.location of `kafka`" in told


@pytest.mark.parametrize(
    ("who", "words", "named"),
    [
        ("reader of acme/quality", ("consume", "--user", "zoe", "--app", "farm"), f"topic {PREFIX}{inputs_topic('zoe', 'farm')}"),
        ("destination", ("produce", "-"), f"topic {PREFIX}predictions"),
        ("producer", ("get", "collectors"), f"topic {PREFIX}apps"),
        ("producer", ("topics", "apply"), f"configs of topic {PREFIX}predictions"),
        ("api", ("topics", "apply", "--acls"), f"configs of topic {PREFIX}"),
        ("post-queue", ("run", "pre-queue"), f"topic {PREFIX}predictions"),
        ("destination", ("run", "post-queue"), f"topic {PREFIX}"),
        ("destination", ("status",), f"topic {PREFIX}predictions"),
        ("destination", ("keys", "create", "--user", "acme", "--id", "k", "--scopes", "PostInputs"), f"{PREFIX}keys"),
    ],
)
def test_what_may_not_be_done_is_told_with_what_to_do(
    who: str, words: tuple[str, ...], named: str, come: Callable[[str], Settings]
) -> None:
    code, told = typed(come(who), *words)
    assert code == EXIT_FAILED
    assert named in told
    assert GRANTS in told


@pytest.mark.parametrize(
    ("resource", "named"), [(GROUP, f"group {PREFIX}collectors.pre-queue"), (TRANSACTIONAL_ID, "collectors.pre-queue.host.0")]
)
def test_a_stage_that_lacks_one_right_stops_and_names_it(resource: str, named: str, come: Callable[[str], Settings]) -> None:
    ops = come(OPS)
    cluster = Cluster(ops, acls=True)
    right = next(
        step
        for step in Cluster(ops, acls=True).wanted_acls()
        if (step.principal, step.resource) == (principal(PREFIX, f"{SYSTEM}-pre-queue"), resource)
        and step.name.startswith(f"{PREFIX}collectors.pre")
    )
    Acls(ops).remove([right])
    cluster = Cluster(ops, acls=True)
    wait_until(lambda: cluster.plan().steps == (Grant(right),), "the rule to be gone")
    try:
        code, told = typed(come("pre-queue"), "run", "pre-queue")
    finally:
        cluster.apply()
    assert code == EXIT_FAILED
    assert named in told
    assert GRANTS in told


def test_the_whole_system_runs_with_each_part_as_its_own_principal(secured: SecuredBroker, folder: Path) -> None:
    secured.add_users(*(f"{SYSTEM_PREFIX}{name}" for name in NAMES.values()))
    system = SecuredSystem(secured, folder, SYSTEM_PREFIX)
    system.expect(OPS, "topics", "apply", "--acls")
    in_app = ("--user", "acme", "--app", "quality")
    system.expect("api", "keys", "create", *in_app, "--id", "ingest", "--scopes", "PostInputs")
    made = system.expect("api", "keys", "create", "--user", "acme", "--id", "token", "--scopes", ",".join(sorted(SCOPES)), "--json")
    system.expect("api", "apply", "-f", "-", given=DOCUMENTS.partition("---")[0])
    with ExitStack() as parts:
        worker = parts.enter_context(system.worker())
        url = parts.enter_context(system.running("destination", "destination", "--port", "0", says_where=True))
        system.destination_url = url
        api = parts.enter_context(system.running("api", "serve", "--port", "0", says_where=True))
        for who, stage in (("pre-queue", "pre-queue"), ("post-queue", "post-queue"), ("controller", "sink")):
            parts.enter_context(system.running(who, "run", stage))
        through = {"COLLECTORS_API_URL": api, "COLLECTORS_API_KEY": orjson.loads(made)["secret"]}
        for name, more in (("straight", ""), ("limited", "quota: {total: 2}")):
            text = DOCUMENTS.format(id=name, more=more).partition("---")[2]
            system.expect("api", "apply", "-f", "-", given=text, COLLECTORS_BOOTSTRAP_SERVERS="127.0.0.1:1", **through)
        lines = "\n".join(orjson.dumps({"id": f"p-{number}", **PREDICTION}).decode() for number in range(5))
        system.expect("producer", "produce", "-", given=lines)
        headers = {"authorization": f"Key {through['COLLECTORS_API_KEY']}"}

        def arrived() -> int:
            answer = httpx.get(f"{url}/v2/users/acme/apps/quality/inputs", headers=headers, trust_env=False)
            return len(answer.json().get("inputs", []))

        wait_until(lambda: arrived() == 7, "five inputs of one collector and two of the other", 90, 0.2)
        read_by_its_reader = system.expect(f"{READER}", "consume", *in_app, "--from-beginning")
        configs = httpx.get(f"{worker.url}/connectors?expand=info", trust_env=False).text
        funnel = orjson.loads(system.expect(OPS, "status", "--json"))
    assert len(read_by_its_reader.splitlines()) == 7
    assert {row["app"]: row["delivered"] for row in funnel["sink"]} == {"acme/quality": 7}
    assert_nobody_told_a_password(system, secured, configs)


def assert_nobody_told_a_password(system: SecuredSystem, secured: SecuredBroker, configs: str) -> None:
    """In no log, no option of a connector, no record of any topic."""
    said = [path.read_text(encoding="utf-8", errors="replace") for path in (*system.logs, *(system.folder / "worker").glob("*.log"))]
    assert any("collectors" in text for text in said), "there are logs"
    ops = Settings(**secured.with_certificate(), topic_prefix=SYSTEM_PREFIX)
    reader = TopicReader(ops, sorted(name for name in Admin(ops).names() if name.startswith(SYSTEM_PREFIX)))
    records = [str(record) for record in reader.read_to_end()]
    reader.close()
    assert (system.folder / "worker" / "worker.properties").stat().st_mode & 0o777 == 0o600
    assert len(system.passwords) == len({*PARTS, READER} - WITH_A_CERTIFICATE)
    for password in system.passwords:
        assert not [text for text in (*said, configs, *records) if password in text]
