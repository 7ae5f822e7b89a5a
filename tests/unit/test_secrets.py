"""Where secrets are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from processor.errors import FixUsage
from processor.secrets import SecretStore, new_secret

if TYPE_CHECKING:
    from pathlib import Path


def test_a_secret_is_256_bits_and_never_the_same() -> None:
    assert len(bytes.fromhex(new_secret())) == 32
    assert new_secret() != new_secret()


def test_only_its_owner_can_read_a_secret_even_in_a_folder_that_was_open(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    SecretStore(folder).put("acme", "quality", "ingest", "s3cret")
    file = folder / "acme.quality.ingest"
    assert file.read_text(encoding="utf-8") == "s3cret"
    assert (file.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
    assert list(folder.iterdir()) == [file]


def test_a_secret_can_be_replaced_read_and_forgotten(tmp_path: Path) -> None:
    store = SecretStore(tmp_path / "a" / "b")
    assert store.get("u", "a", "k") is None
    store.put("u", "a", "k", "1")
    store.put("u", "a", "k", "2")
    assert (store.get("u", "a", "k"), store.has("u", "a", "k")) == ("2", True)
    store.remove("u", "a", "k")
    store.remove("u", "a", "k")
    assert (store.get("u", "a", "k"), store.has("u", "a", "k")) == (None, False)


def test_a_personal_access_token_has_no_app(tmp_path: Path) -> None:
    SecretStore(tmp_path).put("u", "", "k", "1")
    assert (tmp_path / "u..k").is_file()


@pytest.mark.parametrize("ids", [("..", "a", "k"), ("u", "../x", "k"), ("u", "a", ""), ("", "", "k"), ("u", "a", "k/../k")])
def test_nothing_but_ids_ever_becomes_a_path(tmp_path: Path, ids: tuple[str, str, str]) -> None:
    with pytest.raises(FixUsage):
        SecretStore(tmp_path).path(*ids)


def test_a_folder_that_cannot_be_made_is_an_error_without_the_secret(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(FixUsage) as caught:
        SecretStore(tmp_path / "file" / "secrets").put("u", "a", "k", "s3cret")
    assert "s3cret" not in str(caught.value)
