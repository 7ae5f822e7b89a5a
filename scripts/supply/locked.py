"""What a lock says: packages in one version each, with the hashes of their files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = ROOT / "locks"
_HASH = re.compile(r"\s--hash=(\w+):([0-9a-f]+)")


@dataclass(frozen=True, slots=True)
class Locked:
    """One entry.

    Attributes:
        requirement: name, version and marker.
        hashes: (algorithm, hex digest) of each file that may be installed.
    """

    requirement: Requirement
    hashes: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """As package indexes compare names."""
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        """The one version.

        Raises:
            ValueError: it is not pinned to one.
        """
        (pin,) = self.requirement.specifier
        if pin.operator != "==":
            raise ValueError(f"{self.requirement} is not one version")
        return pin.version


def locked(lock: str) -> list[Locked]:
    """The entries of ``locks/<lock>.txt``, in their order."""
    text = (LOCKS / f"{lock}.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return [Locked(Requirement(_HASH.sub("", line).strip()), tuple(_HASH.findall(line))) for line in lines]
