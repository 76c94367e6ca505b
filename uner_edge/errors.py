"""The error tree. Every class carries the exit code of a run that ends with it.

UnerError                1
├── UsageError           2   the request itself makes no sense
│   ├── TypesError           asked types: empty, doubled, too long, unknown preset, bad pack
│   └── SettingsError        configuration file or environment
├── ModelError           3   model missing, damaged, of another format
├── StoreError           1   a store of scan results that cannot be used or written
├── NothingToReadError   4   no document at all
├── ReadError            1   one document cannot be read: kept in its Result, the run goes on
└── DataError            1   labelled data that does not follow the format
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of ``uner``."""

    FINE = 0
    INCOMPLETE = 1
    USAGE = 2
    MODEL = 3
    NOTHING_TO_READ = 4
    INTERRUPTED = 130


class UnerError(Exception):
    """Base of all errors raised on purpose; the message is one line: what, where, what to do."""

    exit_code = ExitCode.INCOMPLETE


class UsageError(UnerError):
    """The request itself makes no sense."""

    exit_code = ExitCode.USAGE


class TypesError(UsageError):
    """Asked types that are empty, doubled or too long; an unknown preset; a bad type pack."""


class SettingsError(UsageError):
    """A configuration file or an environment variable that cannot be used."""


class ModelError(UnerError):
    """A model that is missing, damaged, or of a format this version does not read."""

    exit_code = ExitCode.MODEL


class StoreError(UnerError):
    """A store of scan results: not ours, of another question, in use, damaged, or disk full."""


class NothingToReadError(UnerError):
    """No document was found where the user pointed."""

    exit_code = ExitCode.NOTHING_TO_READ


class ReadError(UnerError):
    """One document that cannot be read; the run goes on."""


class DataError(UnerError):
    """Labelled data that does not follow the format."""
