"""docker-compose.yml: of the form that Compose takes, without a password, and of one mind with the rest of the repository."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

import click
import jsonschema
import orjson
import pytest
from ruamel.yaml import YAML

from processor.app import SINK, stages_named
from processor.cli.main import cli
from processor.kafka.broker_properties import broker_properties
from processor.kafka.jars import KAFKA_VERSION
from processor.settings import Settings
from tests.docs.pages import ROOT
from tests.support.brokers import container_environment

TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = YAML(typ="safe", pure=True).load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ENDING = {"topics", "cli"}
# What is a matter of the place, or of the memory there is.
OWN = {"listeners", "advertised.listeners", "listener.security.protocol.map", "inter.broker.listener.name", "controller.quorum.voters"}
MEMORY = {"num.network.threads", "num.io.threads", "background.threads", "log.cleaner.dedupe.buffer.size"}
SECRETS = "/var/lib/collectors/.collectors/secrets"


def problems(document: Any) -> list[str]:
    """What the schema of the Compose specification has against a file."""
    schema = orjson.loads((files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json").read_bytes())
    validator = jsonschema.validators.validator_for(schema)
    return [f"{error.json_path}: {error.message}" for error in validator(schema).iter_errors(document)]


def collectors_commands() -> dict[str, list[str]]:
    return {name: service["command"] for name, service in SERVICES.items() if "command" in service}


def test_the_file_is_what_the_compose_specification_allows() -> None:
    assert problems(COMPOSE) == []


@pytest.mark.parametrize("wrong", [{"healthchek": {}}, {"depends_on": {"kafka": {"condition": "service_well"}}}, {"ports": "9092"}])
def test_a_file_that_is_not_would_be_noticed(wrong: dict[str, Any]) -> None:
    assert problems(COMPOSE | {"services": {"kafka": SERVICES["kafka"] | wrong}})


def test_everything_that_is_asked_for_is_in_the_example_without_a_value_and_nothing_has_a_default() -> None:
    asked = set(re.findall(r"\$\{(\w+):\?", TEXT))
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    assert {line for line in lines if line and not line.startswith("#")} == {f"{name}=" for name in asked}
    assert len(re.findall(r"\$\{", TEXT)) == len(re.findall(r"\$\{\w+:\?", TEXT))


def test_no_password_is_written_out() -> None:
    named = re.findall(r"(?im)^\s*(\w*(?:password|secret|token|_key)):\s*(\S+)", TEXT)
    assert named == [("POSTGRES_PASSWORD", "${POSTGRES_PASSWORD:?make")]
    in_urls = re.findall(r"://[^/@:\s]+:([^/@\s]+)@", TEXT.replace("${POSTGRES_PASSWORD:?make .env from .env.example}", "GIVEN"))
    assert in_urls == ["GIVEN"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned_and_loses_every_right_it_does_not_need(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"[a-z/-]+:\d+\.\d+(\.\d+)?(-[a-z]+)?", service["image"])
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.keys() & {"privileged", "cap_add", "network_mode", "pid"}


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - ENDING))
def test_what_runs_on_is_looked_after(name: str) -> None:
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert {"test", "interval", "timeout", "retries", "start_period"} <= SERVICES[name]["healthcheck"].keys()


def test_every_service_waits_for_what_it_needs_and_for_what_can_be_well() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            ends = other in ENDING
            assert how["condition"] == ("service_completed_successfully" if ends else "service_healthy"), f"{name} waits for {other}"
            assert ends or "healthcheck" in SERVICES[other]


def test_ports_are_published_to_this_machine_only() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert "ports" not in SERVICES["connect"]


def test_volumes_are_declared_and_all_used() -> None:
    used = {volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert used == set(COMPOSE["volumes"])


def test_the_secret_store_is_one_place_that_only_those_who_make_keys_write() -> None:
    mounts = {name: volume for name, service in SERVICES.items() for volume in service.get("volumes", []) if volume.startswith("secrets:")}
    assert mounts == {
        name: f"secrets:{SECRETS}{'' if name in {'api', 'cli'} else ':ro'}" for name in ("api", "connect", "processor", "cli")
    }
    assert SERVICES["processor"]["environment"]["COLLECTORS_CONNECT_SECRETS_FOLDER"] == SECRETS


@pytest.mark.parametrize("name", [name for name, service in SERVICES.items() if "COLLECTORS_INSTANCE" in service["environment"]])
def test_every_variable_is_a_setting_and_takes_its_value(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {key: value for key, value in SERVICES[name]["environment"].items() if key.startswith("COLLECTORS_")}
    assert {key.removeprefix("COLLECTORS_").lower() for key in given} <= Settings.model_fields.keys()
    for key, value in given.items():
        monkeypatch.setenv(key, value)
    assert Settings().bootstrap_servers == "kafka:19092"


@pytest.mark.parametrize(("name", "words"), collectors_commands().items())
def test_every_command_can_be_typed(name: str, words: list[str]) -> None:
    context = click.Context(cli)
    command: click.Command = cli
    left = list(words)
    while isinstance(command, click.Group):
        found = command.get_command(context, left.pop(0))
        assert found is not None, name
        command = found
    with command.make_context(name, left):
        assert command.callback is not None


def test_the_broker_is_set_up_as_the_local_one() -> None:
    local = container_environment({key: value for key, value in broker_properties("", 0, 0, {}).items() if key not in OWN | MEMORY})
    given = SERVICES["kafka"]["environment"]
    assert {key: given.get(key) for key in local} == local
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"


def test_the_health_of_the_processor_is_that_of_all_its_processes() -> None:
    """So many of each stage, one controller of the sink, and a port each from the one that the command names."""
    service = SERVICES["processor"]
    words = service["command"]
    first, processes = int(words[words.index("--metrics-port") + 1]), int(words[words.index("--processes") + 1])
    settings = Settings(connect_url=service["environment"]["COLLECTORS_CONNECT_URL"])
    ports = range(first, first + sum(1 if stage == SINK else processes for stage in stages_named(settings, words[1:2])))
    assert f"for p in {ports}]" in service["healthcheck"]["test"][-1]
    assert service["expose"] == [f"{ports[0]}-{ports[-1]}"]
