from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from uner_edge.errors import ExitCode, SettingsError
from uner_edge.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def no_settings_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have a configuration file."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nothing here"))


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "settings.toml"


def test_without_sources_there_are_the_defaults() -> None:
    assert load_settings({}, {}) == Settings()
    assert load_settings({"threshold": None, "nested": None}, {}) == Settings()


def test_flags_outweigh_the_environment_the_environment_the_file(config: Path) -> None:
    config.write_text("threshold = 0.1\nthreads = 1\nmax_bytes = 10\n", "utf-8")
    environment = {"UNER_THRESHOLD": "0.2", "UNER_THREADS": "2", "PATH": "/bin"}
    settings = load_settings({"threshold": 0.3, "threads": None}, environment, config)
    assert settings == Settings(threshold=0.3, threads=2, max_bytes=10)


EVERY_SETTING = Settings(
    model="mine",
    threshold=0.4,
    threads=3,
    gpu_layers=12,
    occurrences="first",
    template="uniner",
    nested=True,
    with_text=True,
    recursive=False,
    include=("*.md", "*.txt"),
    exclude=("drafts/",),
    max_bytes=9,
)


def test_every_setting_can_come_from_a_file(config: Path) -> None:
    config.write_text(
        'model = "mine"\nthreshold = 0.4\nthreads = 3\nnested = true\nwith_text = true\n'
        'gpu_layers = 12\noccurrences = "first"\ntemplate = "uniner"\n'
        'recursive = false\ninclude = ["*.md", "*.txt"]\nexclude = ["drafts/"]\nmax_bytes = 9\n',
        "utf-8",
    )
    assert load_settings({}, {}, config) == EVERY_SETTING


def test_every_setting_can_come_from_the_environment() -> None:
    environment = {
        "UNER_MODEL": "mine",
        "UNER_THRESHOLD": "0.4",
        "UNER_THREADS": "3",
        "UNER_GPU_LAYERS": "12",
        "UNER_OCCURRENCES": "first",
        "UNER_TEMPLATE": "uniner",
        "UNER_NESTED": "true",
        "UNER_WITH_TEXT": "1",
        "UNER_RECURSIVE": "False",
        "UNER_INCLUDE": "*.md, *.txt,",
        "UNER_EXCLUDE": "drafts/",
        "UNER_MAX_BYTES": "9",
    }
    assert load_settings({}, environment) == EVERY_SETTING


def test_variables_that_name_folders_are_no_settings(config: Path) -> None:
    config.write_text("threads = 3\n", "utf-8")
    environment = {"UNER_CONFIG": str(config), "UNER_MODELS": "/somewhere"}
    assert load_settings({}, environment) == Settings(threads=3)


def test_a_file_asked_for_outweighs_the_one_in_the_environment(
    config: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.toml"
    other.write_text("threads = 7\n", "utf-8")
    config.write_text("nested = true\n", "utf-8")
    assert load_settings({}, {"UNER_CONFIG": str(other)}, config) == Settings(nested=True)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("treshold = 0.5", "unknown setting 'treshold'; did you mean 'threshold'?"),
        ("qqq = 1", "unknown setting 'qqq'; there are: model, threshold, threads"),
        ("[threshold]\nvalue = 1", "'threshold' must be of type float, not {'value': 1}"),
        ('threshold = "high"', "'threshold' must be of type float, not 'high'"),
        ("threshold = true", "'threshold' must be of type float, not True"),
        ("threads = 1.5", "'threads' must be of type int, not 1.5"),
        ("threads = true", "'threads' must be of type int, not True"),
        ("nested = 1", "'nested' must be of type bool, not 1"),
        ("model = 7", "'model' must be of type str, not 7"),
        ('include = "*.md"', "'include' must be a list of strings, not '*.md'"),
        ("exclude = [1]", "'exclude' must be a list of strings, not [1]"),
        ("threshold = 1.0", "threshold must lie between 0 and 1, not 1.0"),
        ("threshold = nan", "threshold must lie between 0 and 1, not nan"),
        ("threads = 0", "threads must be at least 1, not 0"),
        ("max_bytes = -1", "max_bytes must be at least 1, not -1"),
        ("threshold 0.5", "not TOML"),
    ],
)
def test_a_fault_in_a_file_names_file_and_key(line: str, problem: str, config: Path) -> None:
    config.write_text(line, "utf-8")
    with pytest.raises(SettingsError, match=re.escape(problem)) as caught:
        load_settings({}, {}, config)
    assert str(caught.value).startswith(f"{config}: ")
    assert caught.value.exit_code == ExitCode.USAGE


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("UNER_TRESHOLD", "0.5", "unknown setting 'treshold'; did you mean 'threshold'?"),
        ("UNER_QQQ", "1", "unknown setting 'qqq'; there are: model, threshold, threads"),
        ("UNER_THRESHOLD", "high", "'threshold' must be of type float, not 'high'"),
        ("UNER_THRESHOLD", "50", "threshold must lie between 0 and 1, not 50"),
        ("UNER_THRESHOLD", "", "'threshold' must be of type float, not ''"),
        ("UNER_THREADS", "two", "'threads' must be of type int, not 'two'"),
        ("UNER_THREADS", "0", "threads must be at least 1, not 0"),
        ("UNER_NESTED", "perhaps", "'nested' must be of type bool, not 'perhaps'"),
    ],
)
def test_a_fault_in_the_environment_names_the_variable(
    variable: str, value: str, problem: str
) -> None:
    with pytest.raises(SettingsError, match=re.escape(problem)) as caught:
        load_settings({}, {variable: value})
    assert str(caught.value).startswith(f"{variable}: ")


@pytest.mark.parametrize(
    "flags", [{"threshold": 0.0}, {"threshold": 1}, {"threads": 0}, {"max_bytes": 0}]
)
def test_a_flag_out_of_range_is_an_error(flags: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=f"{next(iter(flags))} must"):
        load_settings(flags, {})


def test_a_file_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path) -> None:
    latin = tmp_path / "latin.toml"
    latin.write_bytes('model = "größer"'.encode("latin-1"))
    for path, problem in [
        (tmp_path / "none.toml", "No such file"),
        (tmp_path, "Is a directory"),
        (latin, "not TOML"),
    ]:
        with pytest.raises(SettingsError, match=problem) as caught:
            load_settings({}, {}, path)
        assert str(caught.value).startswith(f"{path}: ")


def test_the_users_own_file_is_read_where_the_system_keeps_such_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from platformdirs import user_config_path

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = user_config_path("uner-edge")
    assert folder.is_relative_to(tmp_path)
    folder.mkdir()
    (folder / "config.toml").write_text("threads = 5\n", "utf-8")
    assert load_settings({}, {}) == Settings(threads=5)
