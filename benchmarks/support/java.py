"""Contenders in Java: compiled from their sources by a compiler that runs on the bundled Java runtime, and kept under the hash of both."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from processor.errors import FixMachine
from processor.kafka.jar_cache import ensure_jars, jar_folder
from processor.kafka.jars import manifest
from processor.kafka.java import bundled_java, java_command, java_environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from processor.kafka.jars import Jar
    from processor.settings import Settings

RELEASE = "17"
COMPILER_CLASS = "org.eclipse.jdt.internal.compiler.batch.Main"
OPTIONS = ("-source", RELEASE, "-target", RELEASE, "-proc:none", "-encoding", "UTF-8", "-nowarn")
HASH_DIGITS = 16


def build(settings: Settings, sources: Path, libraries: Sequence[Jar]) -> list[Path]:
    """Compile a folder of sources, once.

    Args:
        settings: where jars are kept and fetched from.
        sources: the folder.
        libraries: what the sources need.

    Returns:
        The class path to run them with.

    Raises:
        FixMachine: a jar cannot be fetched, or the sources do not compile.
    """
    jars = ensure_jars(settings, libraries)
    compiler = manifest("compiler")
    classes = jar_folder(settings).parent / "benchmarks" / _hash(sources, (*libraries, *compiler))
    if not classes.is_dir():
        classes.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=classes.parent) as scratch:
            made = Path(scratch) / "classes"
            _compile(sources, ensure_jars(settings, compiler), jars, made)
            made.rename(classes)
    return [classes, *jars]


def chosen(*artifacts: str) -> list[Jar]:
    """Jars of the local broker by their artifacts, in the order given."""
    by_artifact = {jar.coordinates.split(":")[1]: jar for jar in manifest("broker")}
    return [by_artifact[artifact] for artifact in artifacts]


def _hash(sources: Path, jars: Sequence[Jar]) -> str:
    digest = hashlib.sha256(" ".join((*OPTIONS, *(jar.sha256 for jar in jars))).encode())
    for path in sorted(sources.rglob("*.java")):
        digest.update(f"\0{path.name}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:HASH_DIGITS]


def _compile(sources: Path, compiler: Sequence[Path], libraries: Sequence[Path], classes: Path) -> None:
    classpath = os.pathsep.join(map(str, libraries))
    command = java_command(bundled_java(), compiler, COMPILER_CLASS, *OPTIONS, "-classpath", classpath, "-d", str(classes), str(sources))
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=java_environment())
    if done.returncode != 0:
        raise FixMachine(f"the contender in {sources} does not compile:\n{done.stdout}{done.stderr}")
