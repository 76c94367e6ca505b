"""The commands over whole folders: scan, results, redact."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from uner_edge.cli_options import (
    AsJson,
    Config,
    Exclude,
    GpuLayers,
    Include,
    MaxBytes,
    Model,
    Nested,
    Occurrences,
    Preset,
    ReadSeconds,
    Recursive,
    Template,
    TextField,
    Threads,
    Threshold,
    Types,
    TypesFile,
    asked_types,
    settings_of,
    show,
)
from uner_edge.errors import UsageError
from uner_edge.settings import load_settings


def scan(
    paths: Annotated[list[str], typer.Argument(help="Folders and files.")],
    store: Annotated[Path, typer.Option(help="Where results are kept, a file: results.uner.")],
    types: Types = None,
    preset: Preset = None,
    types_file: TypesFile = None,
    threshold: Threshold = None,
    model: Model = None,
    workers: Annotated[
        str,
        typer.Option(
            metavar="auto|N", help="Processes that search. auto: as fits cores and memory."
        ),
    ] = "auto",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be read.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Go on as files change.")] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Forget what the store holds and start anew.")
    ] = False,
    gpu_layers: GpuLayers = None,
    template: Template = None,
    occurrences: Occurrences = None,
    recursive: Recursive = None,
    include: Include = None,
    exclude: Exclude = None,
    nested: Nested = None,
    max_bytes: MaxBytes = None,
    text_field: TextField = None,
    read_seconds: ReadSeconds = None,
    config: Config = None,
) -> None:
    """Search folders into a store: interrupted, killed or run again, it goes on where it was.

    Only what is new or changed is read. [bold]uner results[/bold] asks the store.

    [bold]uner scan papers/ --types "gene, adverse event" --store papers.uner[/bold]
    """
    from uner_edge.run_scan import run_scan

    settings = settings_of(locals())
    wanted = asked_types(types, preset, types_file)
    count = None if workers == "auto" else _positive(workers, "--workers")
    raise typer.Exit(run_scan(paths, wanted, settings, store, count, dry_run, watch, replace))


def results(
    store: Annotated[Path, typer.Argument(help="Made by uner scan.")],
    type: Annotated[str | None, typer.Option(help="Only entities of this type.")] = None,
    text: Annotated[str | None, typer.Option(metavar="REGEX", help="Whose text matches.")] = None,
    words: Annotated[str | None, typer.Option(help="That hold these words (full-text).")] = None,
    min_score: Annotated[
        float | None, typer.Option(min=0, max=1, help="With at least this score.")
    ] = None,
    group_by: Annotated[
        str | None, typer.Option(metavar="text|type|file", help="Count instead of listing.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=0, help="Rows at most; 0: all. Default: all, in a table 100.")
    ] = None,
    export: Annotated[
        str | None, typer.Option(metavar="FORMAT", help="Write in a format of uner formats.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Export to here; the ending decides.")
    ] = None,
    stats: Annotated[bool, typer.Option("--stats", help="Draw counts per type.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Is the store intact?")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask a store: list, count, search, export.

    [bold]uner results papers.uner --type gene --group-by text[/bold]

    [bold]uner results papers.uner --export html -o papers.html[/bold]
    """
    from uner_edge import run_results
    from uner_edge.store_file import opened_store
    from uner_edge.writers import format_for

    chosen: dict[str, object] = {
        "--type": type,
        "--text": text,
        "--words": words,
        "--min-score": min_score,
    }
    shape: dict[str, object] = {"--group-by": group_by, "--limit": limit}
    export = export or (format_for(output) if output is not None else None)
    exported: dict[str, object] = {"--export or --output": export}
    if check:
        _refuse("--check", chosen | shape | exported)
        run_results.checked(store)
        print(f"{store}: intact")
        return
    if stats:
        _refuse("--stats", chosen | shape | exported)
    elif export is not None:
        _refuse("--export", shape)
    elif output is not None:
        raise UsageError(f"-o {output}: no format has this ending; say --export FORMAT")
    condition, values = run_results.where(type, text, words, min_score)
    with opened_store(store) as opened:
        if stats:
            if as_json:
                print(json.dumps(opened.counts(), ensure_ascii=False))
            else:
                run_results.show_stats(opened)
        elif export is not None:
            settings = load_settings({})
            raise typer.Exit(
                run_results.run_export(opened, condition, values, export, output, settings)
            )
        elif group_by is not None:
            rows = run_results.grouped(opened, condition, values, group_by)
            columns = (*run_results.GROUPS[group_by].split(", "), "count")
            _show_some(columns, rows, limit, as_json)
        else:
            columns = ("path", "start", "end", "type", "text", "score", "page", "place")
            quoted = ", ".join(f'"{name}"' for name in columns)
            rows = opened.rows(
                f'SELECT {quoted} FROM found WHERE {condition} ORDER BY path, start, -"end"', values
            )
            _show_some(columns, rows, limit, as_json)


def _refuse(option: str, others: Mapping[str, object]) -> None:
    """Stops what would leave an option aside without a word."""
    given = [name for name, value in others.items() if value is not None]
    if given:
        raise UsageError(f"{option} takes no {', '.join(given)}")


def _show_some(
    columns: tuple[str, ...], rows: list[tuple[Any, ...]], limit: int | None, as_json: bool
) -> None:
    from uner_edge.writers.table import printable

    if as_json:
        for row in rows[: limit or None]:
            print(json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False))
        return
    shown = rows if limit == 0 else rows[: limit or 100]
    texts = [
        [
            "" if c is None else f"{c:.2f}" if isinstance(c, float) else printable(str(c))
            for c in row
        ]
        for row in shown
    ]
    show(columns, texts, False)
    if len(shown) < len(rows):
        print(f"uner: {len(rows) - len(shown):,} more; --limit 0 shows all", file=sys.stderr)


def _positive(given: str, flag: str) -> int:
    if not given.isdecimal() or int(given) < 1:
        raise UsageError(f"{flag} takes auto or a number from 1, not '{given}'")
    return int(given)


def tui(
    paths: Annotated[
        list[str] | None, typer.Argument(help="Folders and files; default: here.")
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(help="Keep results and decisions here. Default: forgotten at the end."),
    ] = None,
    types: Types = None,
    preset: Preset = None,
    types_file: TypesFile = None,
    threshold: Threshold = None,
    model: Model = None,
    gpu_layers: GpuLayers = None,
    template: Template = None,
    recursive: Recursive = None,
    include: Include = None,
    exclude: Exclude = None,
    nested: Nested = None,
    max_bytes: MaxBytes = None,
    text_field: TextField = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="In a browser of this machine instead; nobody else's.")
    ] = False,
    port: Annotated[int, typer.Option(min=1, max=65535, help="With --serve.")] = 8000,
    config: Config = None,
) -> None:
    """Browse, review and correct in the terminal: all by keyboard; F1 shows the keys.

    [bold]uner tui letters/ --preset clinical --store letters.uner[/bold]

    [bold]uner tui letters/ --serve[/bold] prints an address to open in a browser.
    """
    try:
        # By name: the library knows nothing of the application that is built on it.
        if serve:
            arguments = [argument for argument in sys.argv[1:] if argument != "--serve"]
            raise typer.Exit(import_module("tui.serving").serve(arguments, port))
        run_tui = import_module("tui.main").run_tui
    except ModuleNotFoundError as error:
        extra = "serve" if serve else "tui"
        raise UsageError(
            f"the terminal UI needs {error.name}; pip install 'uner-edge[{extra}]'"
        ) from error

    settings = settings_of(locals())
    given = types is not None or preset is not None or types_file is not None
    wanted = asked_types(types, preset, types_file) if given else None
    raise typer.Exit(run_tui(paths or ["."], settings, store, wanted))


def redact(
    paths: Annotated[list[str], typer.Argument(help="Files and folders.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="A new folder for the redacted files.")
    ],
    types: Types = None,
    preset: Preset = None,
    types_file: TypesFile = None,
    mode: Annotated[
        str, typer.Option(help="mask: █████, label: [PERSON], pseudonym: PERSON-1.")
    ] = "label",
    map_file: Annotated[
        Path | None,
        typer.Option("--map", help="Keep which pseudonym stands for what; used again next time."),
    ] = None,
    encrypt_map: Annotated[
        bool, typer.Option("--encrypt-map", help="With a passphrase (UNER_PASSPHRASE or a prompt).")
    ] = False,
    as_text: Annotated[
        bool, typer.Option("--as-text", help="Of PDF and the like, write the redacted text.")
    ] = False,
    threshold: Threshold = None,
    model: Model = None,
    threads: Threads = None,
    gpu_layers: GpuLayers = None,
    template: Template = None,
    recursive: Recursive = None,
    include: Include = None,
    exclude: Exclude = None,
    max_bytes: MaxBytes = None,
    read_seconds: ReadSeconds = None,
    config: Config = None,
) -> None:
    """Replace what is found, everywhere it occurs, in text, tables, JSON and docx.

    [bold]uner redact letters/ --preset pii -o redacted --mode pseudonym --map map.json[/bold]

    The outcome is searched again; anything found there is a leak, and the exit code is 1. No model
    finds everything: read what you give away.
    """
    from uner_edge.run_redact import run_redact

    settings = settings_of(locals())
    wanted = asked_types(types, preset, types_file)
    raise typer.Exit(
        run_redact(paths, wanted, settings, output, mode, map_file, encrypt_map, as_text)
    )
