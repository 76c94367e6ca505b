"""What the command reads, writes and answers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.uner_edge.command import ROOT, SAMPLES, TYPES, one_line, records, uner
from uner_edge.errors import ExitCode


def test_every_sample_is_read_and_every_span_is_verbatim() -> None:
    done = uner("extract", SAMPLES, *TYPES)
    assert done.returncode == ExitCode.FINE, done.stderr
    found = records(done)
    assert set(found) == {p.name for p in SAMPLES.iterdir()}
    for name, record in found.items():
        text = (SAMPLES / name).read_bytes().decode("utf-8")
        assert record["chars"] == record["chars_read"] == len(text)
        assert record["error"] is None
        for e in record["entities"]:
            assert text[e["start"] : e["end"]] == e["text"]
            assert 0 < e["score"] <= 1
            assert e["type"] in TYPES[1].split(", ")
    assert sum(len(r["entities"]) for r in found.values()) > 100


def test_drugs_are_drugs_and_people_are_people() -> None:
    """The shipped model on sentences nobody could argue about."""
    text = (
        "Dr. Maria Jensen of Aarhus University Hospital gave the patient ibuprofen and "
        "metformin on 3 May 2021. The type 2 diabetes was treated in Copenhagen, Denmark."
    )
    done = uner("extract", "-", *TYPES, stdin=text.encode())
    found = {(e["text"], e["type"]) for e in json.loads(done.stdout)["entities"]}
    assert {
        ("ibuprofen", "drug"),
        ("metformin", "drug"),
        ("Copenhagen", "location"),
        ("Denmark", "location"),
        ("Aarhus University Hospital", "organization"),
    } <= found
    assert any("Maria Jensen" in surface and kind == "person" for surface, kind in found)


def test_standard_input_with_text_and_csv() -> None:
    done = uner("extract", "-", *TYPES, "--with-text", stdin="Zoë Łuk lives in Łódź.".encode())
    record = json.loads(done.stdout)
    assert record["path"] == "-"
    assert record["text"] == "Zoë Łuk lives in Łódź."
    done = uner("extract", "-", *TYPES, "--format", "csv", stdin="Zoë Łuk of Łódź.".encode())
    assert done.stdout.splitlines()[0] == "path,start,end,type,text,score,page,place"


def test_output_file_is_written_and_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Maria Jensen lives in Copenhagen.", "utf-8")
    out = tmp_path / "found.jsonl"
    for _ in range(2):
        done = uner("extract", tmp_path, *TYPES, "-o", out)
        assert done.returncode == ExitCode.FINE, done.stderr
        assert done.stdout == ""
        assert [json.loads(x)["path"] for x in out.read_text("utf-8").splitlines()] == [
            str(tmp_path / "a.txt")
        ]


def test_a_file_is_not_overwritten_while_it_is_read(tmp_path: Path) -> None:
    notes = tmp_path / "notes.csv"
    notes.write_text("Maria Jensen lives in Copenhagen.", "utf-8")
    done = uner("extract", notes, *TYPES, "-o", notes)
    assert done.returncode == ExitCode.USAGE
    assert "name another" in one_line(done)
    assert notes.read_text("utf-8") == "Maria Jensen lives in Copenhagen."


def test_table_has_no_colours_in_a_pipe() -> None:
    done = uner("extract", SAMPLES / "news.txt", *TYPES, "--format", "table")
    assert "news.txt" in done.stdout
    assert "\x1b" not in done.stdout


def test_one_bad_file_never_ends_a_run(tmp_path: Path) -> None:
    good = tmp_path / "good.txt"
    good.write_text("Maria Jensen lives in Copenhagen.", "utf-8")
    (tmp_path / "empty.txt").touch()
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(50))
    (tmp_path / "broken16.txt").write_bytes(b"\xff\xfeM\0a\0\0\xd8x")
    (tmp_path / "latin.txt").write_bytes("Café in Tromsø, naïve façade".encode("latin-1"))
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    done = uner(
        "extract",
        tmp_path / "missing.txt",
        tmp_path / "picture.png",
        tmp_path,
        *TYPES,
    )
    assert done.returncode == ExitCode.INCOMPLETE
    found = records(done)
    assert found["good.txt"]["entities"]
    assert found["good.txt"]["error"] is None
    assert found["empty.txt"]["error"] is None
    assert found["empty.txt"]["entities"] == []
    assert "does not exist" in found["missing.txt"]["error"]
    assert "is not text" in found["picture.png"]["error"]
    assert "named pipe" in found["pipe"]["error"]
    assert "symbolic links" in found["loop"]["error"]
    assert found["latin.txt"]["encoding"] in ("cp1252", "latin-1")
    assert "latin.txt: read as" in done.stderr
    assert "broken16.txt" not in found or found["broken16.txt"]["error"]


def test_unreadable_permission(tmp_path: Path) -> None:
    """Run as somebody else where the tests run as root, whom nothing stops."""
    (tmp_path / "secret.txt").write_text("Maria Jensen", "utf-8")
    (tmp_path / "secret.txt").chmod(0)
    code = (
        "import os, sys\n"
        "from uner_edge.readers import Limits, ReadOptions, read_one\n"
        "from uner_edge.errors import ReadError\n"
        "if os.geteuid() == 0:\n"
        "    os.setuid(65534)\n"
        "try:\n"
        "    read_one('secret.txt', ReadOptions(), Limits())\n"
        "except ReadError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "permission denied\n", done.stderr


def test_folder_without_text_is_nothing_to_read(tmp_path: Path) -> None:
    (tmp_path / "image.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0")
    done = uner("extract", tmp_path, *TYPES)
    assert done.returncode == ExitCode.NOTHING_TO_READ
    assert "nothing to read" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--types", "drug,,disease"], "empty"),
        (["--types", "drug, Drug"], "given twice"),
        (["--types", " "], "empty"),
        (["--types", "x" * 81], "characters"),
        (["--preset", "biomedicl"], "did you mean 'biomedical'"),
        (["--types-file", "no-such.toml"], "no such file"),
        ([], "say what to find"),
        (["--types", "drug", "--preset", "pii"], "only once"),
        (["--types", "drug", "--threshold", "1.5"], "between 0 and 1"),
        (["--types", "drug", "--format", "yaml"], "no format 'yaml'"),
        (["--types", "drug", "-o", "/no/such/folder/x.jsonl"], "cannot be written"),
        (["--types", "drug", "--config", "no-such.toml"], "no-such.toml"),
    ],
)
def test_wrong_calls_say_what_is_wrong(arguments: list[str], message: str) -> None:
    done = uner("extract", SAMPLES / "news.txt", *arguments)
    assert done.returncode == ExitCode.USAGE
    assert message.lower() in one_line(done).lower()
    assert done.stdout == ""


def test_formats_are_shown_and_written(tmp_path: Path) -> None:
    rows = json.loads(uner("formats", "--json").stdout)
    assert {"html", "parquet", "brat", "bioc-xml"} <= {row["format"] for row in rows}
    assert all(row["what"] for row in rows)
    for row in rows:
        ending = row["-o ending"].split()
        if not ending:
            continue
        out = tmp_path / f"found{ending[0]}"
        done = uner("extract", "-", *TYPES, "-o", out, stdin="Zoë Łuk lives in Łódź.".encode())
        assert done.returncode == ExitCode.FINE, done.stderr
        assert "Łódź".encode() in out.read_bytes() or row["format"] == "parquet"


def test_settings_come_from_file_environment_and_flags(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("threshold = 0.999\n", "utf-8")
    call = ("extract", SAMPLES / "news.txt", *TYPES)

    def count(*more: object, **environment: str) -> int:
        return len(json.loads(uner(*call, *more, **environment).stdout)["entities"])

    assert count("--config", config) == 0
    assert count("--config", config, UNER_THRESHOLD="0.2") > 0
    assert count(UNER_CONFIG=str(config)) == 0
    assert count("--threshold", 0.2, UNER_CONFIG=str(config)) > 0
    config.write_text("treshold = 0.5\n", "utf-8")
    message = one_line(uner(*call, "--config", config))
    assert "did you mean 'threshold'" in message
    assert str(config) in message


def test_runs_with_sockets_forbidden() -> None:
    """No code path of a run so much as makes a socket."""
    code = (
        "import socket, sys\n"
        "class Forbidden(socket.socket):\n"
        "    def __init__(self, *a, **k):\n"
        "        raise AssertionError('a socket was made')\n"
        "socket.socket = Forbidden\n"
        "socket.create_connection = socket.getaddrinfo = Forbidden\n"
        f"sys.argv = ['uner', 'extract', {str(SAMPLES / 'news.txt')!r}, '--preset', 'news']\n"
        "from uner_edge.cli import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == ExitCode.FINE, done.stderr
    assert json.loads(done.stdout)["entities"]


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, uner_edge, uner_edge.cli, uner_edge.run, uner_edge.extract\n"
        "heavy = {'torch', 'transformers', 'onnxruntime', 'textual', 'training', 'export', 'tui'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "[]\n", done.stderr


def test_a_closed_pipe_is_no_accident() -> None:
    call = [sys.executable, "-m", "uner_edge.cli", "extract", str(SAMPLES), *TYPES]
    process = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    complaints = process.stderr.read().decode()
    process.stderr.close()
    process.wait(60)
    assert "Traceback" not in complaints
    assert "Exception" not in complaints


@pytest.mark.slow
def test_interrupt_keeps_what_was_found(tmp_path: Path) -> None:
    (tmp_path / "1-small.txt").write_text("Maria Jensen lives in Copenhagen. " * 200, "utf-8")
    (tmp_path / "2-large.txt").write_text("Maria Jensen lives in Copenhagen. " * 200_000, "utf-8")
    call = [sys.executable, "-m", "uner_edge.cli", "extract", str(tmp_path), *TYPES]
    process = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
    assert process.stdout is not None
    assert process.stderr is not None
    first = json.loads(process.stdout.readline())
    assert first["error"] is None
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    rest = process.stdout.read().splitlines()
    complaints = process.stderr.read().decode()
    process.stdout.close()
    process.stderr.close()
    assert process.wait(60) == ExitCode.INTERRUPTED
    assert "Traceback" not in complaints
    partial = json.loads(rest[-1])
    assert partial["error"] == "interrupted"
    assert 0 < partial["chars_read"] < partial["chars"]
    assert all(e["start"] < partial["chars_read"] for e in partial["entities"])
    assert partial["entities"]


@pytest.mark.slow
def test_twenty_megabytes_on_one_line(tmp_path: Path) -> None:
    line = ("Maria Jensen lives in Copenhagen." + " " * 1_967) * 10_000
    (tmp_path / "words.txt").write_text(line, "utf-8")
    (tmp_path / "letters.txt").write_text("a" * 20_000_000, "utf-8")
    (tmp_path / "small.txt").write_text("Maria Jensen lives in Copenhagen.", "utf-8")
    done = uner("extract", tmp_path, *TYPES)
    assert done.returncode == ExitCode.FINE
    found = records(done)
    assert found["words.txt"]["chars_read"] == 20_000_000
    assert found["letters.txt"]["chars_read"] == 20_000_000
    assert found["small.txt"]["entities"]


def test_eval_prints_scores_of_both_metrics(tmp_path: Path) -> None:
    text = "Maria Jensen lives in Copenhagen, Denmark."
    row = {
        "text": text,
        "types": ["person", "location", "drug"],
        "entities": [
            {"start": 0, "end": 12, "type": "person"},
            {"start": 22, "end": 32, "type": "location"},
            {"start": 34, "end": 41, "type": "location"},
        ],
    }
    data = tmp_path / "data.jsonl"
    data.write_text(json.dumps(row) + "\n", "utf-8")
    spans = json.loads(uner("eval", data, "--json").stdout)
    assert spans["metric"] == "span"
    assert spans["total"]["f1"] > 0.5
    assert set(spans["by_type"]) == {"person", "location", "drug"}
    surfaces = json.loads(uner("eval", data, "--json", "--metric", "surface").stdout)
    assert surfaces["total"]["right"] >= 2
    turns = [("human", f"Text: {text}"), ("gpt", "I've read this text.")]
    turns += [("human", "What describes person in the text?"), ("gpt", '["Maria Jensen"]')]
    conversation = {"id": "1", "conversations": [{"from": f, "value": v} for f, v in turns]}
    official = tmp_path / "official.json"
    official.write_text(json.dumps([conversation]), "utf-8")
    scores = json.loads(uner("eval", official, "--json", "--metric", "surface").stdout)
    assert scores["total"]["right"] == 1
    assert uner("eval", official).returncode == ExitCode.USAGE
    data.write_text('{"text": "abc", "entities": [{"start": 2, "end": 9, "type": "x"}]}\n', "utf-8")
    done = uner("eval", data)
    assert done.returncode == ExitCode.INCOMPLETE
    assert "data.jsonl:1" in one_line(done)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_said(tmp_path: Path) -> None:
    for target in ("stream", "-o"):
        with open("/dev/full", "wb") as full:
            where = ["-o", "/dev/full", "--format", "csv"] if target == "-o" else []
            done = subprocess.run(
                [sys.executable, "-m", "uner_edge.cli", "extract", str(SAMPLES), *TYPES, *where],
                cwd=ROOT,
                stdout=full if target == "stream" else subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        assert done.returncode == ExitCode.INCOMPLETE
        assert "cannot write: no space left on device" in done.stderr
        assert "Traceback" not in done.stderr
