"""Settings: one file and the environment, read once, frozen.

The environment (``COLLECTORS_BOOTSTRAP_SERVERS`` …) wins over the file (YAML, ``--config``), the file over the defaults.
Secrets stand in files or in the environment, never on a command line.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, IPvAnyNetwork, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from processor.errors import FixUsage
from processor.setting_files import EnvironmentWithFiles

WORK_FOLDER = Path(".collectors")


class Settings(BaseSettings):
    """Everything that can be configured. Units are last in the names."""

    model_config = SettingsConfigDict(env_prefix="COLLECTORS_", frozen=True, extra="forbid", env_nested_delimiter="__")

    bootstrap_servers: str = Field("", description="host:port,… of the Kafka cluster; empty: the broker recorded in ./.collectors")
    kafka: dict[str, SecretStr] = Field({}, description="further librdkafka client properties, such as security.protocol or sasl.password")
    topic_prefix: str = Field("", description="prepended to every topic name, group id and transactional id")
    instance: str = Field(default_factory=socket.gethostname, description="unique per host or pod, and stable over restarts")
    # Out of the repr, which ends up in tracebacks and logs: a URL may hold a password.
    schema_registry_url: str = Field("", repr=False, description="a schema registry; empty: the ids checked in beside the schemas")
    destination_url: str = Field("", description="where inputs go for apps that name no destination_url")
    destination_database: SecretStr | None = Field(None, description="database URL of `collectors destination`, when it is not given there")
    connect_url: str = Field("", repr=False, description="REST address of a Kafka Connect worker; empty: the one recorded in ./.collectors")
    connect_secrets_folder: str = Field("", description="the secret store as Connect's workers see it; empty: this machine's own")
    connector_options: dict[str, Annotated[str, Field(coerce_numbers_to_str=True)]] = Field(
        {}, description="further options of every sink connector, such as requests.per.second.max"
    )
    api_url: str = Field("", description="the REST API that apply, get and delete use when given")
    api_key: SecretStr | None = Field(None, description="secret of the key that apply, get and delete send to the REST API")
    api_requests_per_second: float = Field(100.0, gt=0, description="requests that one key may make to `collectors serve` in the long run")
    api_burst: int = Field(200, ge=1, description="requests that one key may make to `collectors serve` at once, after a rest")
    plans_with_collectors: tuple[str, ...] = Field(("essential", "professional", "enterprise"), description="plans that include collectors")
    group_protocol: str = Field("auto", pattern="^(auto|consumer|classic)$", description="consumer is KIP-848; auto asks the broker")
    batch_records: int = Field(12_000, ge=1, le=100_000, description="records polled and decided at once, or fewer that are 8 MB")
    queue_in_flight: int = Field(1_000, ge=1, le=100_000, description="candidates of the second stage under way at once in a process")
    queue_in_flight_bytes: int = Field(256_000_000, ge=1_000, description="of their records; none is begun while there are as many")
    duplicates_window_max: int = Field(
        100_000, ge=1, description="inputs that a window of duplicates remembers at most; a longer window_count is cut to it"
    )
    commit_interval_ms: int = Field(100, ge=1, le=10_000, description="a transaction is committed this long after the one before")
    transaction_timeout_ms: int = Field(10_000, ge=1_000, description="the broker aborts a transaction of a dead process after this")
    max_poll_interval_ms: int = Field(60_000, ge=10_000, description="a process that polls less often leaves its group")
    watchdog_ms: int = Field(15_000, ge=1_000, description="a loop that has not turned for this long is killed")
    restore_timeout_ms: int = Field(30_000, ge=1_000, description="state that cannot be restored within this fails the process")
    changeset_wait_ms: int = Field(5_000, ge=0, description="how long a catalog reader waits for a changeset to be whole")
    topic_check_ms: int = Field(1_000, ge=100, description="how often the cluster is asked which inputs topics exist")
    record_bytes_max: int = Field(16_000_000, ge=1_000, description="largest record read or produced; topics.yaml must allow it")
    bad_records_ratio: float = Field(
        0.5, gt=0, le=1, description="share of bad records in the last bad_records_window that stops a processor"
    )
    bad_records_window: int = Field(10_000, ge=10, description="records over which bad_records_ratio is taken")
    bad_records_in_a_row: int = Field(1_000, ge=1, description="bad records in a row that stop a processor")
    allowed_networks: tuple[IPvAnyNetwork, ...] = Field(
        (), description="networks that input URLs and model endpoints may lead to beside the public internet, such as 10.8.0.0/16"
    )
    fetch_bytes_max: int = Field(20_000_000, ge=1_000, description="largest content fetched from an input's URL")
    fetch_timeout_ms: int = Field(10_000, ge=100, description="one attempt to fetch an input by its URL, all redirects included")
    models_folder: Path | None = Field(None, description="where the files of ONNX models are; empty: none can be run")
    model_calls: int = Field(8, ge=1, le=1_000, description="calls of one served model under way at once in a process")
    model_calls_total: int = Field(64, ge=1, le=10_000, description="calls of all served models under way at once in a process")
    model_attempt_timeout_ms: int = Field(5_000, ge=10, description="one attempt to call a served model, and one run of an ONNX model")
    model_timeout_ms: int = Field(20_000, ge=10, description="no attempt of a call begins later than this after the first")
    model_answer_bytes_max: int = Field(16_000_000, ge=1_000, description="longest answer taken from a served model")
    maven_url: str = Field("", repr=False, description="a mirror of Maven Central for the local broker's jars")
    cache_dir: Path | None = Field(None, description="where downloaded jars are kept; empty: the user's cache folder")
    config_folder: Path | None = Field(
        None, description="where topics.yaml and schemas/ are looked for first; empty: the folder of --config"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before file; no dotenv, and no folder of secrets beside the files that the environment names."""
        return EnvironmentWithFiles(settings_cls), init_settings


def load_settings(config: Path | None = None) -> Settings:
    """Read the settings once.

    Args:
        config: a YAML file, or None.

    Raises:
        FixUsage: the file is missing or a value is not allowed; every problem is listed.
    """
    try:
        folder = {} if config is None else {"config_folder": config.parent}
        return Settings(**(folder | _from_file(config)))
    except ValidationError as error:
        lines = [f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}" for problem in error.errors()]
        where = config or "the COLLECTORS_* environment"
        raise FixUsage("\n".join([f"settings in {where} are wrong:", *lines])) from None
    except SettingsError as error:
        raise FixUsage(
            f'{error}: in the environment, lists and mappings are written as JSON, as in \'["a"]\' and \'{{"a": "b"}}\''
        ) from None


def _from_file(config: Path | None) -> dict[str, Any]:
    if config is None:
        return {}
    if not config.is_file():
        raise FixUsage(f"--config {config}: no such file")
    try:
        values = YAML(typ="safe", pure=True).load(config) or {}
    except YAMLError as error:
        raise FixUsage(f"--config {config}: not YAML: {error}") from None
    if not isinstance(values, dict):
        raise FixUsage(f"--config {config}: a mapping of settings is wanted, not a {type(values).__name__}")
    return {str(name): value for name, value in values.items()}
