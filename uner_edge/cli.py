"""The ``uner`` command: parse, call, print, exit. Results go to stdout, talk goes to stderr."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from uner_edge import __version__, cli_folders
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
from uner_edge.errors import ExitCode, UnerError
from uner_edge.offline import deny_network
from uner_edge.types import load_preset, presets

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

    settings = settings_of(locals())
    wanted = asked_types(types, preset, types_file)
    raise typer.Exit(run_extract(paths, wanted, settings, format, output))


for folders_command in (cli_folders.scan, cli_folders.results, cli_folders.redact, cli_folders.tui):
    app.command()(folders_command)


@app.command(name="formats")
def show_formats(as_json: AsJson = False) -> None:
    """List the formats results can be written in."""
    from uner_edge.writers import FORMATS

    rows = []
    for name, format in FORMATS.items():
        target = {"stream": "file or stdout"}.get(format.target, format.target)
        rows.append([name, " ".join(format.suffixes), target, format.description])
    show(("format", "-o ending", "goes to", "what"), rows, as_json)


@app.command(name="presets")
def show_presets(
    name: Annotated[str | None, typer.Argument(help="Show the types of this preset.")] = None,
    as_json: AsJson = False,
) -> None:
    """List ready-made type packs, or the types of one."""
    if name is None:
        packs = {known: load_preset(known) for known in presets()}
        rows = [[k, p.description, str(len(p.types))] for k, p in packs.items()]
        show(("preset", "description", "types"), rows, as_json)
    else:
        pack = load_preset(name)
        show(("type", "definition"), [[t.name, t.definition or ""] for t in pack.types], as_json)


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
    show(("model", "version", "kind", "MB", "licence", "folder"), rows, as_json)


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
        show(("", ""), rows, False)
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

    settings = settings_of(locals())
    run = run_eval(data, settings, metric, limit)
    if as_json:
        print(json.dumps(run, ensure_ascii=False))
        return
    rows = [_score_row(kind, row) for kind, row in sorted(run["by_type"].items())]
    rows.append(_score_row(f"all {run['texts']} texts", run["total"]))
    show(("type", "precision", "recall", "F1", "right", "wrong", "missed"), rows, False)


def _score_row(name: str, row: dict[str, Any]) -> list[str]:
    shares = [f"{100 * row[key]:.1f}" for key in ("precision", "recall", "f1")]
    return [name, *shares, *(str(row[key]) for key in ("right", "wrong", "missed"))]


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
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
            raise
        print(f"uner: cannot write: {(error.strerror or str(error)).lower()}", file=sys.stderr)
        # Not by sys.exit: the interpreter would try to write the rest once more.
        os._exit(ExitCode.INCOMPLETE)


if __name__ == "__main__":
    main()
