"""Settings from files: ``COLLECTORS_API_KEY_FILE`` names the file that holds what ``COLLECTORS_API_KEY`` would.

That is how containers are given secrets: a file that is mounted, readable by one user, in no process's environment. One property of
a mapping has a file of its own too: ``COLLECTORS_KAFKA__SASL_PASSWORD_FILE`` is ``sasl.password`` of ``kafka``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic_settings import EnvSettingsSource

from processor.errors import FixUsage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_settings import BaseSettings

SUFFIX = "_file"
PART = "__"
FILE_BYTES_MAX = 65_536


class EnvironmentWithFiles(EnvSettingsSource):
    """The environment, and the files that it names.

    Args:
        settings_cls: the settings.

    Raises:
        FixUsage: a file cannot be read, or a variable names none of the settings, or a value is given in two ways.
    """

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        self._parts: dict[tuple[str, str], str] = {}
        super().__init__(settings_cls)

    def __call__(self) -> dict[str, Any]:
        """The values, by the names of the settings."""
        found = super().__call__()
        for (name, part), text in self._parts.items():
            found[name] = found.get(name, {}) | {part: text}
        return found

    def _load_env_vars(self) -> Mapping[str, str | None]:
        variables = dict(super()._load_env_vars())
        for variable in [name for name in variables if name.startswith(self.env_prefix.lower()) and name.endswith(SUFFIX)]:
            self._take(variables, variable, variables.pop(variable) or "")
        return variables

    def _take(self, variables: dict[str, str | None], variable: str, path: str) -> None:
        replaced = variable.removesuffix(SUFFIX)
        name, _, part = replaced.removeprefix(self.env_prefix.lower()).partition(PART)
        if name not in self.settings_cls.model_fields:
            raise FixUsage(f"{variable.upper()}: there is no setting {name}: docs/settings.md lists all")
        if replaced in variables:
            raise FixUsage(f"{variable.upper()} and {replaced.upper()} are both set: leave one of them out")
        text = read_secret(variable.upper(), Path(path))
        if part:
            # Properties of Kafka clients have dots where a shell's variables cannot.
            self._parts[name, part.replace("_", ".")] = text
        else:
            variables[replaced] = text


def read_secret(variable: str, path: Path) -> str:
    """What a file holds, without the line end that editors leave.

    Raises:
        FixUsage: it cannot be read; never with anything that is in it.
    """
    try:
        content = path.read_bytes()
        if len(content) > FILE_BYTES_MAX:
            raise FixUsage(f"{variable}: {path} has {len(content)} bytes, and {FILE_BYTES_MAX} are taken: is it the right file?")
        return content.decode("utf-8").rstrip("\r\n")
    except OSError as error:
        raise FixUsage(f"{variable}: {path}: {error.strerror}: name a file that this user may read") from None
    except UnicodeDecodeError:
        raise FixUsage(f"{variable}: {path} is not UTF-8 text: is it the right file?") from None
