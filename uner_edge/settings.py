"""Defaults < configuration file < environment < flags, merged once into one frozen record."""

from __future__ import annotations

import dataclasses
import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_config_path

from uner_edge.errors import SettingsError
from uner_edge.model_files import DEFAULT_MODEL, TEMPLATES

ENVIRONMENT = "UNER_"
"""Prefix: UNER_THRESHOLD sets ``threshold``. Lists are separated by commas."""

OTHER_VARIABLES = ("UNER_CONFIG", "UNER_MODELS", "UNER_PASSPHRASE")
"""Variables with the prefix that name folders and files instead of settings."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything about a run but the paths and the types."""

    model: str = DEFAULT_MODEL
    """Name of an installed model, or the path of a model folder."""
    threshold: float | None = None
    """Least score of a reported entity; None is the model's own default."""
    threads: int | None = None
    """None is one per core."""
    gpu_layers: int | None = None
    """Layers of a generator that a GPU computes; None is all of them if there is a GPU."""
    occurrences: str = "all"
    """``all`` or ``first``: which places of a mention a generator reports."""
    template: str | None = None
    """``uniner``: the conversation that a bare .gguf file was tuned for."""
    nested: bool = False
    with_text: bool = False
    recursive: bool = True
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    max_bytes: int = 1_000_000_000
    """Larger files are reported, not read; archives are not unpacked beyond it."""
    text_field: tuple[str, ...] = ()
    """Columns of tables and fields of JSON to read; none means all."""
    read_seconds: float = 120.0
    """Time to read one document; one that takes longer is reported."""

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 < self.threshold < 1:
            raise SettingsError(f"threshold must lie between 0 and 1, not {self.threshold}")
        if self.threads is not None and self.threads < 1:
            raise SettingsError(f"threads must be at least 1, not {self.threads}")
        if self.gpu_layers is not None and self.gpu_layers < 0:
            raise SettingsError(f"gpu_layers must not be negative, but is {self.gpu_layers}")
        if self.occurrences not in ("all", "first"):
            raise SettingsError(f"occurrences must be all or first, not '{self.occurrences}'")
        if self.template not in (None, *TEMPLATES):
            known = ", ".join(TEMPLATES)
            raise SettingsError(f"no template '{self.template}'; there is: {known}")
        if not self.read_seconds > 0:
            raise SettingsError(f"read_seconds must be positive, not {self.read_seconds}")
        if self.max_bytes < 1:
            raise SettingsError(f"max_bytes must be at least 1, not {self.max_bytes}")


def load_settings(
    flags: Mapping[str, Any],
    environment: Mapping[str, str] = os.environ,
    config: Path | None = None,
) -> Settings:
    """Merges all sources; a flag of None was not given.

    Raises:
        SettingsError: An unknown key or a value that does not fit; names its source.
    """
    config = config or (Path(environment["UNER_CONFIG"]) if "UNER_CONFIG" in environment else None)
    values = _from_file(config) | _from_environment(environment)
    values |= {key: value for key, value in flags.items() if value is not None}
    return Settings(**values)


def _from_file(config: Path | None) -> dict[str, Any]:
    source = config or user_config_path("uner-edge") / "config.toml"
    if config is None and not source.is_file():
        return {}
    try:
        table = tomllib.loads(source.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"{source}: {error.strerror or error}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{source}: not TOML: {error}") from error
    return {key: _checked(key, value, str(source)) for key, value in table.items()}


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    values = {}
    for variable, text in environment.items():
        if not variable.startswith(ENVIRONMENT) or variable in OTHER_VARIABLES:
            continue
        key = variable.removeprefix(ENVIRONMENT).lower()
        values[key] = _checked(key, _parsed(key, text), variable)
    return values


def _parsed(key: str, text: str) -> Any:
    kind = _kinds().get(key, "")
    if "tuple" in kind:
        return [part.strip() for part in text.split(",") if part.strip()]
    if "bool" in kind:
        return {"1": True, "true": True, "0": False, "false": False}.get(text.lower(), text)
    try:
        return int(text) if "int" in kind else float(text) if "float" in kind else text
    except ValueError:
        return text


def _checked(key: str, value: Any, source: str) -> Any:
    kinds = _kinds()
    if key not in kinds:
        near = difflib.get_close_matches(key, kinds, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(kinds)}"
        raise SettingsError(f"{source}: unknown setting '{key}'; {hint}")
    kind = kinds[key].removesuffix(" | None")
    if "tuple" in kind:
        if isinstance(value, list) and all(isinstance(part, str) for part in value):
            return tuple(value)
        raise SettingsError(f"{source}: '{key}' must be a list of strings, not {value!r}")
    if isinstance(value, bool) != (kind == "bool") or not isinstance(
        value, (int, float) if "float" in kind else {"bool": bool, "str": str}.get(kind, int)
    ):
        raise SettingsError(f"{source}: '{key}' must be of type {kind}, not {value!r}")
    try:
        Settings(**dict[str, Any]({key: value}))
    except SettingsError as error:
        raise SettingsError(f"{source}: {error}") from error
    return value


def _kinds() -> dict[str, str]:
    return {field.name: str(field.type) for field in dataclasses.fields(Settings)}
