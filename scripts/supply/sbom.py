"""A bill of materials as CycloneDX JSON, from what is pinned: nothing is installed or asked for."""

from __future__ import annotations

import sys
import tomllib

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from processor.kafka.jars import Jar, manifest
from scripts.supply.locked import LOCKS, ROOT, Locked, locked

EVERYTHING = "dev"


def bill(lock: str = EVERYTHING) -> Bom:
    """The packages of a lock and all pinned jars, below this package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    bom = Bom()
    bom.metadata.component = Component(
        type=ComponentType.APPLICATION,
        name=project["name"],
        version=project["version"],
        bom_ref=project["name"],
        purl=PackageURL("pypi", None, project["name"], project["version"]),
    )
    parts = [*map(package, locked(lock)), *map(jar, manifest())]
    for part in parts:
        bom.components.add(part)
    bom.register_dependency(bom.metadata.component, parts)
    return bom


def package(entry: Locked) -> Component:
    """A Python package; its hashes are those of all its files, of which an installation takes one."""
    purl = PackageURL("pypi", None, entry.name, entry.version)
    hashes = [HashType(alg=HashAlgorithm("SHA-256"), content=digest) for _, digest in entry.hashes]
    files = ExternalReference(type=ExternalReferenceType.DISTRIBUTION, url=XsUri(str(purl)), comment="one of its files", hashes=hashes)
    marker = [Property(name="collectors:only-where", value=str(entry.requirement.marker))] if entry.requirement.marker else []
    return Component(name=entry.name, version=entry.version, purl=purl, bom_ref=str(purl), external_references=[files], properties=marker)


def jar(pinned: Jar) -> Component:
    """A jar, which is taken only when it has this checksum."""
    group, artifact, version = pinned.coordinates.split(":")
    purl = PackageURL("maven", group, artifact, version)
    return Component(
        group=group,
        name=artifact,
        version=version,
        purl=purl,
        bom_ref=str(purl),
        hashes=[HashType(alg=HashAlgorithm("SHA-256"), content=pinned.sha256)],
        properties=[Property(name="collectors:part", value=pinned.part)],
    )


def main() -> int:
    """Print the bill of one lock."""
    lock = sys.argv[1] if len(sys.argv) > 1 else EVERYTHING
    if not (LOCKS / f"{lock}.txt").is_file():
        print(f"no lock {lock}: {', '.join(sorted(path.stem for path in LOCKS.glob('*.txt')))}", file=sys.stderr)
        return 2
    print(JsonV1Dot6(bill(lock)).output_as_string(indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
