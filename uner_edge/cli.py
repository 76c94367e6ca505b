"""The ``uner`` command: parse, call, print, exit. Results go to stdout, talk goes to stderr."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from uner_edge import __version__
from uner_edge.errors import ExitCode, UnerError, UsageError
from uner_edge.offline import deny_network
from uner_edge.settings import load_settings
from uner_edge.types import TypeSet, load_pack, load_preset, presets

app = typer.Typer(
    name="uner",
    help="Find any kind of entity in your own files, on your own machine. Nothing leaves it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
models_app = typer.Typer(help="Models on this machine.", no_args_is_help=True)
app.add_typer(models_app, name="models")

Model = Annotated[
    str | None, typer.Option(metavar="NAME|DIR|GGUF", help="Installed model, folder or .gguf.")
]
Threshold = Annotated[
    float | None, typer.Option(help="Least score, 0 to 1. Default: the model's own.")
]
Threads = Annotated[int | None, typer.Option(help="Default: one per core.")]
GpuLayers = Annotated[
    str | None, typer.Option(metavar="auto|N", help="Generator layers on the GPU. Default: auto.")
]
Template = Annotated[
    str | None, typer.Option(help="uniner: the conversation a bare .gguf was tuned for.")
]
Occurrences = Annotated[
    str | None, typer.Option(help="all or first: which places of a generator's mention count.")
]
Types = Annotated[str | None, typer.Option(help="What to find: names separated by commas.")]
Preset = Annotated[str | None, typer.Option(help="What to find: a ready list (uner presets).")]
TypesFile = Annotated[
    Path | None, typer.Option(help="What to find: a type pack of your own (TOML).")
]
Recursive = Annotated[
    bool | None, typer.Option("--recursive/--no-recursive", help="Enter subfolders.")
]
Include = Annotated[
    list[str] | None, typer.Option(help="Only such files, as in .gitignore: '*.md'.")
]
Exclude = Annotated[list[str] | None, typer.Option(help="No such files or folders: 'drafts/'.")]
Nested = Annotated[
    bool | None, typer.Option("--nested/--flat", help="Allow entities inside entities.")
]
MaxBytes = Annotated[int | None, typer.Option(help="Report larger files instead of reading them.")]
TextField = Annotated[
    list[str] | None,
    typer.Option(help="Only this column of tables, this field of JSON (repeat for more)."),
]
ReadSeconds = Annotated[
    float | None, typer.Option(help="Give up on a document that takes longer to read: 120.")
]
Config = Annotated[Path | None, typer.Option(help="Settings file (TOML).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _version(wanted: bool) -> None:
    if wanted:
        print(f"uner {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print version.")
    ] = False,
) -> None:
    """Options of every command."""


@app.command()
def extract(
    paths: Annotated[list[str], typer.Argument(help="Files and folders; - is standard input.")],
    types: Types = None,
    preset: Preset = None,
    types_file: TypesFile = None,
    threshold: Threshold = None,
    format: Annotated[
        str | None,
        typer.Option(help="See uner formats. Default: table on a terminal, else jsonl."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Write here; the ending decides: .html, .csv"),
    ] = None,
    model: Model = None,
    threads: Threads = None,
    gpu_layers: GpuLayers = None,
    template: Template = None,
    occurrences: Occurrences = None,
    recursive: Recursive = None,
    include: Include = None,
    exclude: Exclude = None,
    nested: Nested = None,
    with_text: Annotated[
        bool | None, typer.Option("--with-text/--no-text", help="Carry the text in JSON lines.")
    ] = None,
    max_bytes: MaxBytes = None,
    text_field: TextField = None,
    read_seconds: ReadSeconds = None,
    config: Config = None,
) -> None:
    """Find entities in files and folders: text, PDF, Office, mail, tables, archives and more.

    [bold]uner extract papers/ --types "gene, adverse event, study site"[/bold]

    [bold]cat letter.txt | uner extract - --preset clinical --format csv[/bold]

    Exit codes: 0 fine, 1 some files failed or were not read completely, 2 wrong call,
    3 model missing or damaged, 4 nothing to read, 130 interrupted.
    """
    from uner_edge.run import run_extract

    flags = {
        "model": model,
        "threshold": threshold,
        "threads": threads,
        "gpu_layers": _layers(gpu_layers),
        "template": template,
        "occurrences": occurrences,
        "nested": nested,
        "with_text": with_text,
        "recursive": recursive,
        "include": tuple(include) if include else None,
        "exclude": tuple(exclude) if exclude else None,
        "max_bytes": max_bytes,
        "text_field": tuple(text_field) if text_field else None,
        "read_seconds": read_seconds,
    }
    settings = load_settings(flags, config=config)
    wanted = _asked_types(types, preset, types_file)
    raise typer.Exit(run_extract(paths, wanted, settings, format, output))


@app.command()
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

    flags = {
        "model": model,
        "threshold": threshold,
        "gpu_layers": _layers(gpu_layers),
        "template": template,
        "occurrences": occurrences,
        "nested": nested,
        "recursive": recursive,
        "include": tuple(include) if include else None,
        "exclude": tuple(exclude) if exclude else None,
        "max_bytes": max_bytes,
        "text_field": tuple(text_field) if text_field else None,
        "read_seconds": read_seconds,
    }
    settings = load_settings(flags, config=config)
    wanted = _asked_types(types, preset, types_file)
    count = None if workers == "auto" else _positive(workers, "--workers")
    raise typer.Exit(run_scan(paths, wanted, settings, store, count, dry_run, watch, replace))


@app.command()
def results(
    store: Annotated[Path, typer.Argument(help="Made by uner scan.")],
    type: Annotated[str | None, typer.Option(help="Only entities of this type.")] = None,
    text: Annotated[str | None, typer.Option(metavar="REGEX", help="Whose text matches.")] = None,
    words: Annotated[str | None, typer.Option(help="That hold these words (full-text).")] = None,
    min_score: Annotated[float | None, typer.Option(help="With at least this score.")] = None,
    group_by: Annotated[
        str | None, typer.Option(metavar="text|type|file", help="Count instead of listing.")
    ] = None,
    limit: Annotated[int, typer.Option(help="Rows shown at most; 0: all.")] = 100,
    export: Annotated[
        str | None, typer.Option(metavar="FORMAT", help="Write in a format of uner formats.")
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="With --export.")] = None,
    stats: Annotated[bool, typer.Option("--stats", help="Draw counts per type.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Is the store intact?")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask a store: list, count, search, export.

    [bold]uner results papers.uner --type gene --group-by text[/bold]

    [bold]uner results papers.uner --export html -o papers.html[/bold]
    """
    from uner_edge import run_scan
    from uner_edge.store import opened_store

    if check:
        run_scan.checked(store)
        print(f"{store}: intact")
        return
    condition, values = run_scan.where(type, text, words, min_score)
    with opened_store(store) as opened:
        if stats:
            if as_json:
                print(json.dumps(opened.counts(), ensure_ascii=False))
            else:
                run_scan.show_stats(opened)
        elif export is not None:
            settings = load_settings({})
            raise typer.Exit(
                run_scan.run_export(opened, condition, values, export, output, settings)
            )
        elif group_by is not None:
            rows = run_scan.grouped(opened, condition, values, group_by)
            columns = (*run_scan.GROUPS[group_by].split(", "), "count")
            _show_some(columns, rows, limit, as_json)
        else:
            columns = ("path", "start", "end", "type", "text", "score", "page", "place")
            quoted = ", ".join(f'"{name}"' for name in columns)
            rows = opened.rows(
                f'SELECT {quoted} FROM found WHERE {condition} ORDER BY path, start, -"end"', values
            )
            _show_some(columns, rows, limit, as_json)


def _show_some(
    columns: tuple[str, ...], rows: list[tuple[Any, ...]], limit: int, as_json: bool
) -> None:
    from uner_edge.writers.table import printable

    if as_json:
        for row in rows:
            print(json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False))
        return
    shown = rows if limit == 0 else rows[:limit]
    texts = [
        [
            "" if c is None else f"{c:.2f}" if isinstance(c, float) else printable(str(c))
            for c in row
        ]
        for row in shown
    ]
    _show(columns, texts, False)
    if len(shown) < len(rows):
        print(f"uner: {len(rows) - len(shown):,} more; --limit 0 shows all", file=sys.stderr)


def _positive(given: str, flag: str) -> int:
    if not given.isdecimal() or int(given) < 1:
        raise UsageError(f"{flag} takes auto or a number from 1, not '{given}'")
    return int(given)


@app.command()
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

    flags = {
        "model": model,
        "threshold": threshold,
        "threads": threads,
        "gpu_layers": _layers(gpu_layers),
        "template": template,
        "recursive": recursive,
        "include": tuple(include) if include else None,
        "exclude": tuple(exclude) if exclude else None,
        "max_bytes": max_bytes,
        "read_seconds": read_seconds,
    }
    settings = load_settings(flags, config=config)
    wanted = _asked_types(types, preset, types_file)
    raise typer.Exit(
        run_redact(paths, wanted, settings, output, mode, map_file, encrypt_map, as_text)
    )


@app.command(name="formats")
def show_formats(as_json: AsJson = False) -> None:
    """List the formats results can be written in."""
    from uner_edge.writers import FORMATS

    rows = []
    for name, format in FORMATS.items():
        target = {"stream": "file or stdout"}.get(format.target, format.target)
        rows.append([name, " ".join(format.suffixes), target, format.description])
    _show(("format", "-o ending", "goes to", "what"), rows, as_json)


@app.command(name="presets")
def show_presets(
    name: Annotated[str | None, typer.Argument(help="Show the types of this preset.")] = None,
    as_json: AsJson = False,
) -> None:
    """List ready-made type packs, or the types of one."""
    if name is None:
        packs = {known: load_preset(known) for known in presets()}
        rows = [[k, p.description, str(len(p.types))] for k, p in packs.items()]
        _show(("preset", "description", "types"), rows, as_json)
    else:
        pack = load_preset(name)
        _show(("type", "definition"), [[t.name, t.definition or ""] for t in pack.types], as_json)


@models_app.command(name="list")
def list_models(as_json: AsJson = False) -> None:
    """List installed models."""
    from uner_edge.model_files import installed, read_manifest

    rows = []
    for folder in installed():
        manifest = read_manifest(folder)
        megabytes = sum(file.size for file in manifest.files) / 1e6
        rows.append(
            [
                manifest.name,
                str(manifest.version),
                manifest.kind,
                f"{megabytes:.1f}",
                str(manifest.table.get("licence", "unknown")),
                str(folder),
            ]
        )
    _show(("model", "version", "kind", "MB", "licence", "folder"), rows, as_json)


@models_app.command(name="show")
def show_model(
    name: Annotated[str, typer.Argument(help="Installed model, or a model folder.")],
    as_json: AsJson = False,
) -> None:
    """Show a model's manifest: files, licence, origin, training data, scores."""
    from uner_edge.model_files import MANIFEST, find_model, read_manifest

    manifest = read_manifest(find_model(name))
    if as_json:
        print(json.dumps(manifest.table, ensure_ascii=False))
    else:
        print(manifest.path(MANIFEST).read_text("utf-8"), end="")


@models_app.command(name="verify")
def verify_models(
    names: Annotated[list[str] | None, typer.Argument(help="Default: every model.")] = None,
) -> None:
    """Compare every file of a model with the hashes in its manifest."""
    from uner_edge.errors import ModelError
    from uner_edge.model_files import find_model, installed, read_manifest, verify

    folders = [find_model(n) for n in names] if names else installed()
    if not folders:
        raise ModelError("no model is installed")
    for folder in folders:
        manifest = read_manifest(folder)
        verify(manifest)
        print(f"{manifest.name}: {len(manifest.files)} files match their sha256")


@models_app.command(name="build")
def build_models(
    name: Annotated[str, typer.Argument(help="A model that ships as an adapter: uner-270m.")],
) -> None:
    """Make a generator's GGUF from its installed base and the adapter that ships with uner-edge.

    Done once, in minutes, without network; the result is kept in the cache folder.
    """
    from uner_edge.engines import missing_library
    from uner_edge.model_files import load_manifest

    manifest = load_manifest(name)
    try:
        from uner_edge.build import build_generator

        path = build_generator(manifest, progress=lambda step: print(step, file=sys.stderr))
    except ModuleNotFoundError as error:
        raise missing_library(manifest, error) from error
    print(path)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what this machine offers: models, engines, GPU, and how to get what is missing."""
    from uner_edge.doctor import examine

    findings = list(examine())
    if as_json:
        print(json.dumps([dataclasses.asdict(f) for f in findings], ensure_ascii=False))
    else:
        rows = [[f.subject, f.state + (f"\n{f.remedy}" if f.remedy else "")] for f in findings]
        _show(("", ""), rows, False)
    raise typer.Exit(ExitCode.FINE if all(f.fine for f in findings) else ExitCode.INCOMPLETE)


@app.command(name="eval")
def evaluate(
    data: Annotated[
        Path, typer.Argument(help="Labelled .jsonl[.gz], or a UniversalNER conversation .json.")
    ],
    model: Model = None,
    metric: Annotated[
        str, typer.Option(help="span: strict offsets and types. surface: UniversalNER's.")
    ] = "span",
    limit: Annotated[int | None, typer.Option(help="Only the first N texts.")] = None,
    threshold: Threshold = None,
    nested: Annotated[bool | None, typer.Option("--nested/--flat")] = None,
    threads: Threads = None,
    gpu_layers: GpuLayers = None,
    template: Template = None,
    occurrences: Occurrences = None,
    config: Annotated[Path | None, typer.Option(help="Settings file (TOML).")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure a model on labelled data: micro and per-type precision, recall and F1."""
    from uner_edge.run import run_eval

    flags = {
        "model": model,
        "threshold": threshold,
        "nested": nested,
        "threads": threads,
        "gpu_layers": _layers(gpu_layers),
        "template": template,
        "occurrences": occurrences,
    }
    settings = load_settings(flags, config=config)
    run = run_eval(data, settings, metric, limit)
    if as_json:
        print(json.dumps(run, ensure_ascii=False))
        return
    rows = [_score_row(kind, row) for kind, row in sorted(run["by_type"].items())]
    rows.append(_score_row(f"all {run['texts']} texts", run["total"]))
    _show(("type", "precision", "recall", "F1", "right", "wrong", "missed"), rows, False)


def _layers(given: str | None) -> int | None:
    if given in (None, "auto"):
        return None
    if not given.isdecimal():
        raise UsageError(f"--gpu-layers takes auto or a number, not '{given}'")
    return int(given)


def _score_row(name: str, row: dict[str, Any]) -> list[str]:
    shares = [f"{100 * row[key]:.1f}" for key in ("precision", "recall", "f1")]
    return [name, *shares, *(str(row[key]) for key in ("right", "wrong", "missed"))]


def _asked_types(types: str | None, preset: str | None, types_file: Path | None) -> TypeSet:
    given = [source for source in (types, preset, types_file) if source is not None]
    if len(given) != 1:
        problem = "say what to find" if not given else "say only once what to find"
        raise UsageError(f"{problem}: --types 'person, drug', --preset NAME or --types-file FILE")
    if types is not None:
        return TypeSet.parse(types)
    return load_preset(preset).types if preset is not None else load_pack(Path(given[0])).types


def _show(columns: tuple[str, ...], rows: list[list[str]], as_json: bool) -> None:
    if as_json:
        print(json.dumps([dict(zip(columns, row, strict=True)) for row in rows]))
        return
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, header_style="dim")
    for index, column in enumerate(columns):
        table.add_column(column, style="bold" if index == 0 else "", overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(highlight=False).print(table)


def main() -> None:
    """Entry point. Denies the network before anything else runs."""
    deny_network()
    try:
        app()
    except UnerError as error:
        from uner_edge.writers.table import printable

        print(f"uner: {printable(str(error))}", file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader went away (uner ... | head): nothing more to say, and nothing to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.INCOMPLETE)


if __name__ == "__main__":
    main()
