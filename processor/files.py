"""Where the files that describe the system are: topics.yaml and the schemas.

The folder of ``--config`` first, then the working directory, then the installed package, then the repository this runs from.
"""

from __future__ import annotations

from pathlib import Path

from processor.errors import FixUsage

_PACKAGE = Path(__file__).parent


def folders(config_folder: Path | None = None) -> tuple[Path, ...]:
    """The folders that are looked through, in order."""
    first = () if config_folder is None else (config_folder,)
    return (*first, Path.cwd(), _PACKAGE / "_data", _PACKAGE.parent)


def find_file(name: str, config_folder: Path | None = None) -> Path:
    """The first such file.

    Args:
        name: relative, as ``topics.yaml`` or ``schemas/ids.json``.
        config_folder: ``Settings.config_folder``.

    Raises:
        FixUsage: it is nowhere; the folders are listed.
    """
    places = folders(config_folder)
    for folder in places:
        if (folder / name).is_file():
            return folder / name
    raise FixUsage(
        f"{name} is in none of {', '.join(str(place) for place in places)}: put it beside the --config file, or reinstall the package"
    )
