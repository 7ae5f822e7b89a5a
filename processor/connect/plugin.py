"""The sink connector as a plugin folder: compiled from its sources by a compiler that runs on the bundled Java runtime.

Neither Maven nor a JDK is needed. What was compiled is kept under the hash of everything that went into it, so it is compiled once.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from processor.errors import FixMachine
from processor.files import find_file
from processor.kafka.jar_cache import ensure_jars
from processor.kafka.jars import manifest
from processor.kafka.java import bundled_java, java_command, java_environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from processor.kafka.download import Progress
    from processor.settings import Settings

PROJECT = "connectors/http-inputs-sink"
CONNECTOR_CLASS = "collectors.connect.InputsSinkConnector"
# What the sources are compiled against; a worker has these itself.
PROVIDED = ("connect-api", "kafka-clients", "slf4j-api")
JAVA_RELEASE = "17"
COMPILER_CLASS = "org.eclipse.jdt.internal.compiler.batch.Main"
OPTIONS = ("-source", JAVA_RELEASE, "-target", JAVA_RELEASE, "-proc:none", "-encoding", "UTF-8", "-nowarn")
HASH_DIGITS = 16
# A jar is a zip, and a zip has dates: always the same one, so that the same sources make the same jar.
EPOCH = (1980, 1, 1, 0, 0, 0)


def build_plugin(settings: Settings, folder: Path, progress: Progress | None = None) -> Path:
    """Have the plugin compiled.

    Args:
        settings: where jars are kept and fetched from, and where the sources are looked for first.
        folder: where plugins are kept; made when it is missing.
        progress: told about downloads.

    Returns:
        A folder for a worker's ``plugin.path``; nothing but this plugin is in it.

    Raises:
        FixUsage: there are no sources, or the ``local`` extra is not installed.
        FixMachine: a jar cannot be fetched, the folder cannot be written, or the sources do not compile.
    """
    sources = find_file(f"{PROJECT}/pom.xml", settings.config_folder).parent / "src" / "main"
    compiler = manifest("compiler")
    made = folder.absolute() / content_hash(sources, compiler[0].sha256)
    if not made.is_dir():
        provided = [jar for jar in manifest("broker", "connect") if jar.coordinates.split(":")[1] in PROVIDED]
        jars = ensure_jars(settings, [*compiler, *provided], progress)
        _make(sources, jars[: len(compiler)], jars[len(compiler) :], made)
    return made


def content_hash(sources: Path, compiler_sha256: str) -> str:
    """A short hash of everything that a compiled plugin depends on."""
    digest = hashlib.sha256(" ".join((compiler_sha256, *OPTIONS)).encode())
    for path in _files(sources):
        digest.update(f"\0{path.relative_to(sources).as_posix()}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:HASH_DIGITS]


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _make(sources: Path, compiler: Sequence[Path], provided: Sequence[Path], made: Path) -> None:
    """Compile beside the target and give it its name in one step, since several may do so at once."""
    made.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".plugin-", dir=made.parent) as name:
        scratch = Path(name)
        _compile(sources / "java", compiler, provided, scratch / "classes")
        plugin = scratch / "plugin"
        (plugin / "http-inputs-sink").mkdir(parents=True)
        write_jar(plugin / "http-inputs-sink" / "http-inputs-sink.jar", (scratch / "classes", sources / "resources"))
        try:
            plugin.rename(made)
        except OSError:
            # Somebody else was quicker, with the same content.
            shutil.rmtree(plugin)
            if not made.is_dir():
                raise


def _compile(sources: Path, compiler: Sequence[Path], provided: Sequence[Path], classes: Path) -> None:
    classpath = os.pathsep.join(str(jar) for jar in provided)
    arguments = (*OPTIONS, "-classpath", classpath, "-d", str(classes), str(sources))
    command = java_command(bundled_java(), compiler, COMPILER_CLASS, *arguments)
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=java_environment())  # noqa: S603 - our own command
    if done.returncode != 0:
        raise FixMachine(f"the connector in {sources} does not compile:\n{done.stdout}{done.stderr}")


def write_jar(path: Path, folders: Sequence[Path]) -> None:
    """Pack folders into a jar: the same files make the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as jar:
        jar.writestr(zipfile.ZipInfo("META-INF/MANIFEST.MF", EPOCH), "Manifest-Version: 1.0\r\n\r\n")
        for folder in folders:
            for file in _files(folder):
                jar.writestr(zipfile.ZipInfo(file.relative_to(folder).as_posix(), EPOCH), file.read_bytes())
