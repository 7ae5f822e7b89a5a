"""The plugin is compiled once, and the same sources make the same jar."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from processor.connect.plugin import CONNECTOR_CLASS, build_plugin, content_hash, write_jar
from processor.errors import FixMachine
from processor.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST = "META-INF/services/org.apache.kafka.connect.sink.SinkConnector"


def test_the_hash_follows_names_and_contents_of_sources_and_the_compiler(tmp_path: Path) -> None:
    (tmp_path / "A.java").write_text("class A {}")
    hashes = [content_hash(tmp_path, "one"), content_hash(tmp_path, "one"), content_hash(tmp_path, "other")]
    (tmp_path / "A.java").rename(tmp_path / "B.java")
    hashes.append(content_hash(tmp_path, "one"))
    (tmp_path / "B.java").write_text("class B {}")
    hashes.append(content_hash(tmp_path, "one"))
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 4


def test_the_same_files_make_the_same_jar_whenever_it_is_made(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "inside").mkdir(parents=True)
        (tmp_path / name / "inside" / "file.txt").write_text("content")
        write_jar(tmp_path / f"{name}.jar", [tmp_path / name])
    assert (tmp_path / "one.jar").read_bytes() == (tmp_path / "two.jar").read_bytes()
    assert zipfile.ZipFile(tmp_path / "one.jar").namelist() == ["META-INF/MANIFEST.MF", "inside/file.txt"]


@pytest.mark.slow
def test_the_plugin_holds_the_connector_the_manifest_that_names_it_and_nothing_of_others(tmp_path: Path) -> None:
    made = build_plugin(Settings(), tmp_path)
    (jar,) = made.rglob("*.jar")
    with zipfile.ZipFile(jar) as content:
        assert content.read(MANIFEST).decode().strip() == CONNECTOR_CLASS
        classes = [name for name in content.namelist() if name.endswith(".class")]
    assert f"{CONNECTOR_CLASS.replace('.', '/')}.class" in classes
    assert {name.rsplit("/", 1)[0] for name in classes} == {"collectors/connect"}
    before = jar.stat().st_mtime_ns
    assert build_plugin(Settings(), tmp_path) == made
    assert jar.stat().st_mtime_ns == before, "compiled again"


@pytest.mark.slow
def test_sources_that_do_not_compile_are_told_with_the_compilers_words(tmp_path: Path) -> None:
    project = tmp_path / "connectors/http-inputs-sink"
    (project / "src/main/java").mkdir(parents=True)
    (project / "src/main/resources").mkdir()
    (project / "pom.xml").touch()
    (project / "src/main/java/Broken.java").write_text("class Broken { int x = nothing; }")
    with pytest.raises(FixMachine, match=r"does not compile:(.|\n)*nothing cannot be resolved"):
        build_plugin(Settings(config_folder=tmp_path), tmp_path / "plugins")
    assert not any((tmp_path / "plugins").iterdir()), "something half made was left behind"
