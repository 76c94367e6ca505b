"""``uner redact``: from settings to redacted files, checked by searching them again."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import track

from uner_edge.document import Unreadable
from uner_edge.engines import open_engine
from uner_edge.errors import ExitCode, NothingToReadError, UsageError
from uner_edge.files import STDIN, Selection, find_files
from uner_edge.model_files import load_manifest
from uner_edge.readers import Limits, ReadOptions
from uner_edge.redaction.replacements import MODES, Mode, Replacements
from uner_edge.redaction.story import Outcome, Redactor, Refused, Source, redact, target_of
from uner_edge.redaction.vault import load_map, save_map
from uner_edge.run import engine_options
from uner_edge.settings import Settings
from uner_edge.types import TypeSet
from uner_edge.writers.table import printable

PASSPHRASE = "UNER_PASSPHRASE"


def run_redact(
    paths: Sequence[str],
    types: TypeSet,
    settings: Settings,
    output: Path,
    mode: str,
    map_file: Path | None,
    encrypt: bool,
    as_text: bool,
) -> ExitCode:
    """Redacts files into a new folder; exit code 1 if anything leaked or was refused."""
    if mode not in MODES:
        raise UsageError(f"--mode takes {', '.join(MODES)}, not '{mode}'")
    if map_file is not None and mode != "pseudonym":
        raise UsageError("--map goes with --mode pseudonym: nothing else can be taken back")
    if STDIN in paths:
        raise UsageError("standard input cannot be redacted; name files or folders")
    if output.is_dir() and any(output.iterdir()):
        raise UsageError(f"{output}: is not empty; redacted files go into a new folder")
    passphrase = _passphrase(map_file, encrypt)
    chosen: Mode = mode
    replacements = Replacements(chosen) if map_file is None else load_map(map_file, passphrase)
    manifest = load_manifest(settings.model, settings.template)
    engine = open_engine(manifest, engine_options(settings))
    threshold = manifest.threshold if settings.threshold is None else settings.threshold
    redactor = Redactor(
        engine,
        types,
        threshold,
        replacements,
        ReadOptions((), settings.max_bytes),
        Limits(settings.read_seconds),
    )
    try:
        return _run(redactor, paths, settings, output, as_text, map_file, passphrase)
    finally:
        redactor.close()


def _run(
    redactor: Redactor,
    paths: Sequence[str],
    settings: Settings,
    output: Path,
    as_text: bool,
    map_file: Path | None,
    passphrase: str | None,
) -> ExitCode:
    sources, refused = _load(redactor, paths, settings, output, as_text)
    if not sources and not refused:
        raise NothingToReadError("nothing to redact: no file at the given paths")
    outcome = redact(redactor, sources, output, _steps)
    outcome.refused += refused
    if map_file is not None:
        save_map(map_file, redactor.replacements, passphrase)
    return _report(outcome, output)


def _load(
    redactor: Redactor, paths: Sequence[str], settings: Settings, output: Path, as_text: bool
) -> tuple[list[Source], list[Refused]]:
    selection = Selection(
        settings.recursive, settings.include, settings.exclude, settings.max_bytes
    )
    sources: list[Source] = []
    refused: list[Refused] = []
    inside = os.path.join(os.path.abspath(output), "")
    for entry in find_files(paths, selection):
        if isinstance(entry, Unreadable):
            refused.append(Refused(entry.path, entry.reason))
        elif not os.path.abspath(entry.path).startswith(inside):
            loaded = redactor.load(entry.path, target_of(entry.path, paths), as_text)
            if isinstance(loaded, Source):
                sources.append(loaded)
            else:
                refused.append(loaded)
    return sources, refused


def _steps(sources: Sequence[Source], what: str) -> Iterable[Source]:
    return track(
        sources,
        description=what,
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )


def _report(outcome: Outcome, output: Path) -> ExitCode:
    for refusal in outcome.refused:
        _say(f"{refusal.path}: not redacted: {refusal.reason}")
    for leak in outcome.leaks[:50]:
        _say(f"{leak.path}: LEAK: {leak.type}: {leak.text}")
    for one in outcome.written:
        if one.pictures:
            _say(f"{one.path}: its pictures are unchanged; look at them")
    count = sum(one.replaced for one in outcome.written)
    _say(
        f"{count} places replaced in {len(outcome.written)} files below {output};"
        f" {len(outcome.leaks)} leaks, {len(outcome.refused)} files not redacted"
    )
    return ExitCode.INCOMPLETE if outcome.leaks or outcome.refused else ExitCode.FINE


def _passphrase(map_file: Path | None, encrypt: bool) -> str | None:
    """From the environment or a prompt, never from the command line, where others see it."""
    if map_file is None:
        if encrypt:
            raise UsageError("--encrypt-map needs --map")
        return None
    encrypted = map_file.is_file() and map_file.read_bytes()[:4] == b"age-"
    if not encrypt and not encrypted:
        return None
    given = os.environ.get(PASSPHRASE)
    if given is None and sys.stdin.isatty():
        given = getpass.getpass("passphrase of the map: ")
    if not given:
        raise UsageError(f"no passphrase; set {PASSPHRASE}, or answer the prompt on a terminal")
    return given


def _say(message: str) -> None:
    print(f"uner: {printable(message)}", file=sys.stderr)
