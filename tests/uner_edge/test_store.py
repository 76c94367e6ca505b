"""A store as a file: made once, of an older version, full, read-only, or none at all."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.uner_edge.command import ROOT, SAMPLES, TYPES, uner
from uner_edge.errors import StoreError
from uner_edge.store_file import MIGRATIONS, migrate, opened_store


def test_a_store_that_is_none_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "a.uner"
    text.write_text("not a database " * 100, "utf-8")
    other = tmp_path / "b.uner"
    database = sqlite3.connect(other)
    database.execute("CREATE TABLE things (name TEXT)")
    database.close()
    newer = tmp_path / "c.uner"
    with opened_store(newer, create=True) as store:
        store.database.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    for path, reason in (
        (text, "not a database"),
        (other, "no store of uner-edge"),
        (newer, "newer version"),
        (tmp_path / "none.uner", "no such store"),
    ):
        done = uner("results", path)
        assert done.returncode == 1
        assert reason in done.stderr
    assert text.read_text("utf-8").startswith("not a database")


def test_a_store_of_an_older_version_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "a.uner"
    older = sqlite3.connect(path, isolation_level=None)
    migrate(older, MIGRATIONS[:1])
    older.execute("INSERT INTO files VALUES (1, x'61', 'a', '00', 1, 'done', NULL, 'now')")
    older.close()
    for _ in range(2):
        with opened_store(path) as store:
            assert store.rows("SELECT path FROM files") == [("a",)]
            assert store.rows("SELECT count(*) FROM decisions") == [(0,)]
            assert store.rows("PRAGMA user_version") == [(len(MIGRATIONS),)]


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    with opened_store(tmp_path / "a.uner", create=True) as store:
        file = store.begin(b"a.txt", 1)
        store.finish(file, "00", "done", None)
        (pages,) = store.database.execute("PRAGMA page_count").fetchone()
        store.database.execute(f"PRAGMA max_page_count = {pages + 1}")
        with pytest.raises(StoreError, match="full; what was stored before is safe"):
            for number in range(10_000):
                store.finish(store.begin(b"%d" % number * 50, 1), "00", "done", None)
        assert store.check() == []
        assert b"a.txt" in store.known()


def test_a_store_that_may_not_be_written_says_so(tmp_path: Path) -> None:
    with opened_store(tmp_path / "a.uner", create=True) as store:
        store.database.execute("PRAGMA query_only = ON")
        with pytest.raises(StoreError, match="readonly"):
            store.begin(b"a.txt", 1)
    done = uner("scan", SAMPLES, *TYPES, "--store", tmp_path / "no" / "folder" / "a.uner")
    assert done.returncode == 1
    assert "cannot be written" in done.stderr


def test_a_store_may_be_opened_by_many_at_its_birth(tmp_path: Path) -> None:
    path = tmp_path / "a.uner"
    code = (
        "import sys\nfrom pathlib import Path\nfrom uner_edge.store_file import opened_store\n"
        "with opened_store(Path(sys.argv[1]), create=True) as store:\n    print(store.question())"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(path)], cwd=ROOT, stdout=subprocess.PIPE)
        for _ in range(8)
    ]
    assert [p.communicate()[0].strip() for p in processes] == [b"None"] * 8
