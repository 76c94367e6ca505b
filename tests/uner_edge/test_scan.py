"""Scans as they happen to people: run again, killed, two at once, files that come and go."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.corpus import story
from benchmarks.renderers import RENDERERS
from uner_edge.store_file import locked, opened_store

ROOT = Path(__file__).parents[2]
TYPES = ("--types", "person, location")


def uner(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "uner_edge.cli", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        **options,
    )


def content(store: Path) -> list[tuple[Any, ...]]:
    """Everything a store says, but for when and how fast it was found."""
    with opened_store(store) as opened:
        files = opened.rows("SELECT raw, sha256, size, state, error FROM files ORDER BY raw")
        documents = opened.rows(
            "SELECT raw, member, documents.sha256, format, encoding, chars, chars_read,"
            " documents.error FROM documents JOIN files ON files.id = file ORDER BY raw, member"
        )
        entities = opened.rows(
            'SELECT raw, member, start, "end", type, text, score, page, place FROM entities'
            " JOIN documents ON documents.id = document JOIN files ON files.id = file"
            ' ORDER BY raw, member, start, "end", type'
        )
        assert opened.check() == []
    return [*files, *documents, *entities]


def many_files(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        text = f"Letter {number}. Zoë Łuk met Ana Marija in Tromsø on Monday. " * (1 + number % 7)
        (folder / f"{number:03}.txt").write_text(text, "utf-8")
    return folder


def test_a_second_scan_reads_only_what_changed(tmp_path: Path) -> None:
    folder, store = many_files(tmp_path / "in", 5), tmp_path / "a.uner"
    # One line of it cannot be read, which a renamed copy has to say as well.
    (folder / "005.jsonl").write_text('{"a": "Zoë Łuk"}\n{"a": \n', "utf-8")
    assert uner("scan", folder, *TYPES, "--store", store).returncode == 1
    first = content(store)
    again = uner("scan", folder, *TYPES, "--store", store)
    assert (again.returncode, content(store)) == (0, first)
    assert "6" in again.stderr and "unchanged" in again.stderr

    (folder / "000.txt").write_text("Changed by Maria Jensen in Copenhagen.", "utf-8")
    (folder / "005.jsonl").rename(folder / "partly.jsonl")
    (folder / "001.txt").rename(folder / "renamed.txt")
    shutil.copy(folder / "002.txt", folder / "copied.txt")
    (folder / "003.txt").unlink()
    (folder / "004.txt").touch()
    # Clocks go backwards, and dates are copied along: only the content counts.
    os.utime(folder / "000.txt", (0, 0))
    shown = uner("scan", folder, *TYPES, "--store", store, "--dry-run").stdout
    assert [line.split()[0] for line in shown.splitlines()] == [
        "search", "reuse", "reuse", "reuse", "gone", "gone", "gone",
    ]  # fmt: skip
    done = uner("scan", folder, *TYPES, "--store", store)
    assert done.returncode == 0
    fresh = tmp_path / "fresh.uner"
    uner("scan", folder, *TYPES, "--store", fresh)
    present = [
        row for row in content(store) if not row[0].endswith((b"001.txt", b"003.txt", b"005.jsonl"))
    ]
    assert present == content(fresh)
    states = dict(json.loads(uner("results", store, "--stats", "--json").stdout)["files"])
    assert states == {"done": 6, "deleted": 3}

    shutil.copy(folder / "renamed.txt", folder / "001.txt")
    uner("scan", folder, *TYPES, "--store", store)
    states = dict(json.loads(uner("results", store, "--stats", "--json").stdout)["files"])
    assert states == {"done": 7, "deleted": 2}


@pytest.mark.slow
def test_killed_at_any_moment_a_scan_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    folder, store = many_files(tmp_path / "in", 900), tmp_path / "a.uner"
    for ending in ("zip", "pdf", "docx", "mbox"):
        (folder / f"story.{ending}").write_bytes(RENDERERS[ending](story()))
    undisturbed = tmp_path / "b.uner"
    uner("scan", folder, *TYPES, "--store", undisturbed)
    rng = random.Random(1)
    command = [sys.executable, "-m", "uner_edge.cli", "scan", str(folder), *TYPES]
    killed = 0
    for _ in range(8):
        process = subprocess.Popen(
            [*command, "--store", str(store)],
            cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            process.wait(timeout=rng.uniform(0.6, 1.6))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed += 1
    assert killed >= 3
    assert uner("scan", folder, *TYPES, "--store", store).returncode == 0
    assert content(store) == content(undisturbed)


def test_ctrl_c_keeps_what_is_done_and_the_next_scan_goes_on(tmp_path: Path) -> None:
    folder, store = many_files(tmp_path / "in", 80), tmp_path / "a.uner"
    process = subprocess.Popen(
        [sys.executable, "-m", "uner_edge.cli", "scan", str(folder), *TYPES, "--store", str(store)],
        cwd=ROOT, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    until = time.monotonic() + 60
    while time.monotonic() < until:
        time.sleep(0.1)
        if store.exists() and len(content(store)) > 3:
            break
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    if process.returncode != 0:  # 0 if it was done before the key was pressed
        assert process.returncode == 130
        assert "goes on from here" in said
    assert uner("scan", folder, *TYPES, "--store", store).returncode == 0
    assert sum(row[3] == "done" for row in content(store) if len(row) == 5) == 80


def test_one_store_has_one_question(tmp_path: Path) -> None:
    folder, store = many_files(tmp_path / "in", 2), tmp_path / "a.uner"
    uner("scan", folder, *TYPES, "--store", store)
    before = content(store)
    other = uner("scan", folder, "--types", "drug", "--store", store)
    assert other.returncode == 1
    assert "was made for another question (types: person, location there, drug now)" in other.stderr
    assert content(store) == before
    anew = uner("scan", folder, "--types", "drug", "--store", store, "--replace")
    assert anew.returncode == 0
    with opened_store(store) as opened:
        question = opened.question()
    assert question is not None and question.types == (("drug", None),)


def test_two_scans_at_once_do_not_mix_and_readers_need_not_wait(tmp_path: Path) -> None:
    folder, store = many_files(tmp_path / "in", 2), tmp_path / "a.uner"
    uner("scan", folder, *TYPES, "--store", store)
    with locked(store), opened_store(store) as writing, writing.writing():
        writing.database.execute("UPDATE files SET state = 'failed'")
        second = uner("scan", folder, *TYPES, "--store", store)
        assert second.returncode == 1
        assert "another scan is writing it" in second.stderr
        reader = uner("results", store, "--stats", "--json")
        assert json.loads(reader.stdout)["files"] == {"done": 2}


def test_bad_files_are_told_and_the_others_are_done(tmp_path: Path) -> None:
    folder, store = many_files(tmp_path / "in", 2), tmp_path / "a.uner"
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 no more")
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\r")
    (folder / "line\nend.txt").write_text("Zoë Łuk", "utf-8")
    (folder / "loop").symlink_to(folder / "loop")
    name = os.fsdecode(b"not-utf8-\xff.txt")
    (folder / name).write_text("Ana Marija lives in Tromsø.", "utf-8")
    done = uner("scan", folder, *TYPES, "--store", store)
    assert done.returncode == 1
    assert "damaged PDF" in done.stderr and "symbolic links" in done.stderr
    states = {row[0].rpartition(b"/")[2]: row[3] for row in content(store) if len(row) == 5}
    assert states == {
        b"000.txt": "done", b"001.txt": "done", b"broken.pdf": "failed", b"loop": "failed",
        b"picture.png": "without text", b"line\nend.txt": "done", b"not-utf8-\xff.txt": "done",
    }  # fmt: skip
    again = uner("scan", folder, *TYPES, "--store", store, "--dry-run")
    assert "search" in again.stdout and "broken.pdf" in again.stdout
    assert "3 unchanged" not in again.stderr


def test_files_of_a_folder_that_is_not_there_are_not_forgotten(tmp_path: Path) -> None:
    folder, store = many_files(tmp_path / "in", 3), tmp_path / "a.uner"
    other = many_files(tmp_path / "other", 1)
    uner("scan", folder, other, *TYPES, "--store", store)
    before = [row for row in content(store) if row[0].startswith(os.fsencode(folder))]
    folder.rename(tmp_path / "unmounted")
    done = uner("scan", folder, other, *TYPES, "--store", store)
    assert done.returncode == 1
    assert "does not exist" in done.stderr
    (tmp_path / "unmounted").rename(folder)
    assert uner("scan", folder, other, *TYPES, "--store", store).returncode == 0
    after = [row for row in content(store) if row[0].startswith(os.fsencode(folder) + b"/")]
    assert after == before


def test_damage_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.uner"
    folder = many_files(tmp_path / "in", 3)
    uner("scan", folder, *TYPES, "--store", path)
    assert uner("results", path, "--check").returncode == 0
    with opened_store(path) as store:
        store.database.execute('UPDATE entities SET "end" = "end" + 1 WHERE id = 1')
    done = uner("results", path, "--check")
    assert done.returncode == 1
    assert "offsets do not fit" in done.stderr


def test_a_worker_that_dies_costs_its_file_only(tmp_path: Path) -> None:
    folder, store = many_files(tmp_path / "in", 4), tmp_path / "a.uner"
    big = folder / "999-big.txt"
    big.write_text("Zoë Łuk met Ana Marija in Tromsø. " * 60_000, "utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "uner_edge.cli", "scan", str(folder), *TYPES, "--store", str(store),
         "--workers", "1"],
        cwd=ROOT, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    until = time.monotonic() + 60
    killed = False
    while time.monotonic() < until and process.poll() is None and not killed:
        time.sleep(0.2)
        if not store.exists():
            continue
        rows = [row for row in content(store) if len(row) == 5]
        if any(row[3] == "reading" and row[0].endswith(b"999-big.txt") for row in rows):
            for child in Path(f"/proc/{process.pid}/task").glob("*/children"):
                for number in child.read_text().split():
                    os.kill(int(number), signal.SIGKILL)
                    killed = True
    if not killed:
        pytest.skip("no /proc to find the worker by")
    process.communicate(timeout=120)
    assert process.returncode == 1
    states = {row[0].rpartition(b"/")[2]: row[3] for row in content(store) if len(row) == 5}
    assert list(states.values()).count("done") == 4
    assert states[b"999-big.txt"] == "failed"


def test_results_are_listed_counted_searched_and_exported(tmp_path: Path) -> None:
    folder, store = many_files(tmp_path / "in", 4), tmp_path / "a.uner"
    uner("scan", folder, *TYPES, "--store", store)
    rows = [json.loads(s) for s in uner("results", store, "--json").stdout.splitlines()]
    assert {row["type"] for row in rows} <= {"person", "location"}
    people = [r for r in rows if r["type"] == "person"]
    shown = uner("results", store, "--type", "person", "--json").stdout.splitlines()
    assert [json.loads(s) for s in shown] == people
    shown = uner("results", store, "--text", "^Tr", "--min-score", "0.5", "--json").stdout
    assert [json.loads(s) for s in shown.splitlines()] == [
        r for r in rows if r["text"].startswith("Tr") and r["score"] >= 0.5
    ]
    shown = uner("results", store, "--words", 'zoë "łuk"', "--json").stdout.splitlines()
    assert {json.loads(s)["text"] for s in shown} == {"Zoë Łuk"}
    counted = uner("results", store, "--group-by", "type", "--json").stdout.splitlines()
    assert {r["type"]: r["count"] for r in map(json.loads, counted)}["person"] == len(people)
    assert uner("results", store, "--group-by", "colour").returncode == 2
    assert uner("results", store, "--text", "(").returncode == 2

    exported = uner("results", store, "--export", "jsonl").stdout.splitlines()
    direct = uner("extract", folder, *TYPES, "--format", "jsonl").stdout.splitlines()
    drop = {"seconds"}
    as_rows = [
        [{k: v for k, v in json.loads(s).items() if k not in drop} for s in lines]
        for lines in (exported, direct)
    ]
    assert as_rows[0] == as_rows[1]
    (folder / "000.txt").write_text("Other text.", "utf-8")
    (folder / "001.txt").unlink()
    done = uner("results", store, "--export", "conll", "-o", tmp_path / "a.conll")
    assert done.returncode == 1
    assert "not there as it was scanned" in done.stderr
    assert "B-person" in (tmp_path / "a.conll").read_text("utf-8")


def test_what_a_table_shows_is_never_taken_for_markup(tmp_path: Path) -> None:
    path, store = tmp_path / "visits[final].csv", tmp_path / "a.uner"
    path.write_text("id,dose [mg],x[/y]\n1,Zoë Łuk met Ana Marija in Tromsø.,Tromsø\n", "utf-8")
    uner("scan", path, "--types", "person, [/b] location", "--store", store)
    for arguments in ((), ("--group-by", "type"), ("--group-by", "file"), ("--stats",)):
        shown = uner("results", store, *arguments)
        assert shown.returncode == 0, shown.stderr
    listed = uner("results", store).stdout.splitlines()
    assert any("visits[final].csv" in s and "column dose [mg]" in s for s in listed[1:])
    assert all("visits[final].csv" in s for s in listed[1:])  # in a pipe, a row is a line


def test_no_option_of_results_is_left_aside_in_silence(tmp_path: Path) -> None:
    folder, store = many_files(tmp_path / "in", 4), tmp_path / "a.uner"
    uner("scan", folder, *TYPES, "--store", store)
    assert len(uner("results", store, "--json", "--limit", "3").stdout.splitlines()) == 3
    written = tmp_path / "a.csv"
    assert uner("results", store, "-o", written).returncode == 0
    assert written.read_text("utf-8").startswith("path,start,end,type")
    for refused in (
        ("-o", tmp_path / "a.unknown"),
        ("--stats", "--type", "person"),
        ("--stats", "--group-by", "text"),
        ("--check", "--export", "csv"),
        ("--export", "csv", "--limit", "5"),
        ("--min-score", "7"),
    ):
        done = uner("results", store, *refused)
        assert done.returncode == 2 and not done.stdout, refused


def test_a_store_takes_its_types_in_any_order(tmp_path: Path) -> None:
    folder, store = many_files(tmp_path / "in", 2), tmp_path / "a.uner"
    uner("scan", folder, "--types", "person, location", "--store", store)
    before = content(store)
    assert uner("scan", folder, "--types", "location, person", "--store", store).returncode == 0
    assert content(store) == before
    done = uner("scan", folder, "--types", "location, drug", "--store", store)
    assert done.returncode == 1 and "another question" in done.stderr


def test_a_broken_text_file_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Ana Marija met Zoë Łuk.", "utf-8")
    (tmp_path / "letter.txt").write_bytes(b"Ana Marija in Troms\x00.")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    done = uner("extract", tmp_path, *TYPES, "--format", "jsonl")
    assert done.returncode == 1
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [Path(line["path"]).name for line in lines] == ["a.txt", "letter.txt"]
    assert lines[1]["error"] == "is not text (binary data)"


def test_a_watched_folder_is_read_as_it_changes(tmp_path: Path) -> None:
    folder, store = many_files(tmp_path / "in", 2), tmp_path / "a.uner"
    process = subprocess.Popen(
        [sys.executable, "-m", "uner_edge.cli", "scan", str(folder), *TYPES, "--store", str(store),
         "--watch"],
        cwd=ROOT, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def wait_for(count: int) -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if store.exists():
                done = [r for r in content(store) if len(r) == 5 and r[3] == "done"]
                if len(done) == count:
                    return
            time.sleep(0.2)
        raise AssertionError(f"never {count} files")

    try:
        wait_for(2)
        (folder / "new.txt").write_text("Zoë Łuk is new in Tromsø.", "utf-8")
        wait_for(3)
        (folder / "000.txt").unlink()
        wait_for(2)
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0


def test_long_documents_are_stored_as_they_are_read(tmp_path: Path) -> None:
    """The same entities as from one piece, though thousands are handed on before the end."""
    folder, store = tmp_path / "in", tmp_path / "a.uner"
    folder.mkdir()
    (folder / "long.txt").write_text(
        "".join(f"Zoë Łuk {n} met Ana Marija in Tromsø. " for n in range(4_000)), "utf-8"
    )
    uner("scan", folder, *TYPES, "--store", store)
    exported = json.loads(uner("results", store, "--export", "jsonl").stdout)
    direct = json.loads(uner("extract", folder, *TYPES, "--format", "jsonl").stdout)
    assert len(direct["entities"]) > 10_000
    assert exported["entities"] == direct["entities"]
