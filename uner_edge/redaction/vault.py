"""The map from pseudonyms back to what they stand for: for its owner's eyes only."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from uner_edge.errors import UsageError
from uner_edge.redaction.replacements import Replacements

_AGE = b"age-encryption.org/"


def load_map(path: Path, passphrase: str | None) -> Replacements:
    """The pseudonyms of an earlier run, so that the same texts get the same ones again.

    Raises:
        UsageError: Encrypted and no passphrase, or a wrong one; or not a map.
    """
    replacements = Replacements("pseudonym")
    if not path.exists():
        return replacements
    content = path.read_bytes()
    if content.startswith(_AGE):
        content = _decrypted(path, content, passphrase)
    try:
        table = json.loads(content)
        for pseudonym, entry in table["pseudonyms"].items():
            label, _, number = pseudonym.rpartition("-")
            before = replacements.numbers.get(label, 0)
            for text in entry["texts"]:
                replacements.numbers[label] = int(number) - 1
                replacements.add(entry["type"], text)
            replacements.numbers[label] = max(before, int(number))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path}: is no map of pseudonyms ({error!r})") from error
    return replacements


def save_map(path: Path, replacements: Replacements, passphrase: str | None) -> None:
    """Writes the map, readable by its owner alone; with a passphrase, encrypted (age).

    Raises:
        UsageError: It cannot be written, or the library for encryption is missing.
    """
    table = {
        pseudonym: {"type": kind, "texts": texts}
        for pseudonym, (kind, texts) in replacements.originals.items()
    }
    content = json.dumps({"pseudonyms": table}, ensure_ascii=False, indent=1).encode("utf-8")
    if passphrase is not None:
        content = _age().encrypt(content, passphrase)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        partial.replace(path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error


def _decrypted(path: Path, content: bytes, passphrase: str | None) -> bytes:
    if passphrase is None:
        raise UsageError(f"{path}: is encrypted; give its passphrase (UNER_PASSPHRASE or a prompt)")
    age = _age()
    try:
        return bytes(age.decrypt(content, passphrase))
    except Exception as error:  # the library's errors share no base class
        raise UsageError(f"{path}: wrong passphrase, or damaged") from error


def _age() -> Any:
    try:
        from pyrage import passphrase
    except ModuleNotFoundError as error:
        raise UsageError(
            "encrypting a map needs pyrage; pip install 'uner-edge[encrypt]'"
        ) from error
    return passphrase
