"""Files made to do harm, or broken: each fails alone, with a cause, and in bounded time."""

from __future__ import annotations

import io
import json
import os
import random
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from pathlib import Path

import docx
import pytest
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen import canvas

from benchmarks.corpus import story
from benchmarks.renderers import RENDERERS
from uner_edge.document import Document, Unreadable
from uner_edge.files import Found
from uner_edge.readers import Limits, ReadOptions, read_documents
from uner_edge.readers.parts import ReadOptions as Options
from uner_edge.readers.sandbox import Sandbox


def read(
    content: bytes, name: str, tmp_path: Path, limits: Limits | None = None
) -> tuple[list[Document], dict[str, str]]:
    """The documents, and the reasons of those that cannot be read, by path below the folder."""
    path = tmp_path / name
    path.write_bytes(content)
    found = [Found(str(path), len(content), named=True)]
    documents, failures = [], {}
    for read in read_documents(found, [], ReadOptions(), limits or Limits(seconds=60)):
        if isinstance(read, Unreadable):
            failures[read.path.removeprefix(f"{tmp_path}/")] = read.reason
        else:
            documents.append(read)
    return documents, failures


def zipped(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def pdf(*pages: str, encrypt: str | None = None) -> bytes:
    """A page for every text; "picture" is a picture."""
    from PIL import Image

    stream = io.BytesIO()
    sheet = canvas.Canvas(stream, encrypt=encrypt)
    for text in pages:
        if text == "picture":
            sheet.drawImage(ImageReader(Image.new("RGB", (9, 9))), 0, 0, 500, 700)
        else:
            sheet.drawString(100, 700, text)
        sheet.showPage()
    sheet.save()
    return stream.getvalue()


def many_pages(count: int) -> bytes:
    """A PDF of empty pages, written by hand: a library takes minutes over it."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count %d/Kids[%s]>>"
        % (count, b" ".join(b"%d 0 R" % n for n in range(3, count + 3))),
        *[b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"] * count,
    ]
    out = io.BytesIO(b"%PDF-1.4\n")
    out.seek(0, 2)
    places = []
    for number, content in enumerate(objects, start=1):
        places.append(out.tell())
        out.write(b"%d 0 obj%sendobj\n" % (number, content))
    table = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.write(b"".join(b"%010d 00000 n \n" % place for place in places))
    out.write(b"trailer<</Size %d/Root 1 0 R>>\n" % (len(objects) + 1))
    out.write(b"startxref\n%d\n%%%%EOF" % table)
    return out.getvalue()


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    bomb = zipped({"zeros.txt": bytes(200_000_000)})
    documents, failures = read(bomb, "bomb.zip", tmp_path)
    assert not documents
    assert "unpacks to more than" in failures["bomb.zip"]


@pytest.mark.parametrize("compress", ["gzip", "bz2", "lzma"])
def test_a_compressed_bomb_is_not_unpacked(compress: str, tmp_path: Path) -> None:
    bomb = __import__(compress).compress(bytes(100_000_000))
    assert "unpacks to more than" in read(bomb, "bomb.gz", tmp_path)[1]["bomb.gz"]


def test_a_document_that_is_a_zip_bomb_is_refused(tmp_path: Path) -> None:
    stream = io.BytesIO()
    docx.Document().save(stream)
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/media/zeros.bin", bytes(300_000_000))
    assert "unpacks to" in read(stream.getvalue(), "bomb.docx", tmp_path)[1]["bomb.docx"]


def test_names_that_lead_out_of_an_archive_are_reported(tmp_path: Path) -> None:
    archive = zipped({"../../evil.txt": b"x", "/evil.txt": b"x", "good.txt": b"Imatinib"})
    documents, failures = read(archive, "a.zip", tmp_path)
    assert [d.text for d in documents] == ["Imatinib"]
    assert len(failures) == 2
    assert all("leads out" in reason for reason in failures.values())
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        link = tarfile.TarInfo("link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        tar.addfile(tarfile.TarInfo("../evil.txt"))
    assert read(stream.getvalue(), "a.tar", tmp_path) == (
        [],
        {"a.tar/../evil.txt": "has a name that leads out of its archive; not read"},
    )


def test_archives_are_opened_to_a_bounded_depth(tmp_path: Path) -> None:
    inner = zipped({"x.txt": b"innermost"})
    for level in range(6):
        inner = zipped({f"{level}.zip": inner, "x.txt": b"here"})
    documents, failures = read(inner, "deep.zip", tmp_path)
    assert len(documents) == 4
    (reason,) = failures.values()
    assert "unpack" in reason


@pytest.mark.parametrize(
    ("doctype", "reference", "reason"),
    [
        ('<!ENTITY x SYSTEM "file:///etc/passwd">', "&x;", "not defined"),
        ('<!ENTITY x SYSTEM "http://127.0.0.1:9/x">', "&x;", "not defined"),
        (
            '<!ENTITY e0 "lolololol">'
            + "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 10)),
            "&e9;",
            "amplification",
        ),
    ],
    ids=["file", "http", "bomb"],
)
@pytest.mark.parametrize("name", ["a.nxml", "a.bioc.xml"])
def test_xml_entities_reach_nothing_and_grow_to_nothing(
    doctype: str, reference: str, reason: str, name: str, tmp_path: Path
) -> None:
    root = "article" if name == "a.nxml" else "collection"
    inside = f"<body><p>{reference}</p></body><source/><document><id>{reference}</id></document>"
    content = f"<!DOCTYPE {root} [<!-- BioC -->{doctype}]><{root}>{inside}</{root}>"
    documents, failures = read(content.encode(), name, tmp_path)
    assert not documents
    assert reason in failures[name]


def test_a_pdf_of_100_000_empty_pages(tmp_path: Path) -> None:
    assert read(many_pages(100_000), "a.pdf", tmp_path)[1] == {
        "a.pdf": "has no text on its 100,000 pages"
    }


def test_encrypted_and_scanned_documents_say_so(tmp_path: Path) -> None:
    assert "is encrypted" in read(pdf("x", encrypt="secret"), "a.pdf", tmp_path)[1]["a.pdf"]
    assert "is a scan" in read(pdf("picture"), "b.pdf", tmp_path)[1]["b.pdf"]
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99)
    for stream, reason in (
        ("EncryptedPackage", "is encrypted"),
        ("WordDocument", "save it as .docx"),
        ("__substg1.0_", "save it as .eml"),
        ("Nothing", "OLE file"),
    ):
        content = ole + stream.encode("utf-16-le") + bytes(99)
        assert reason in read(content, "c.docx", tmp_path)[1]["c.docx"]


def test_a_pdf_with_some_scanned_pages_is_read_and_says_what_is_missing(tmp_path: Path) -> None:
    pages = pdf("Imatinib", "picture", "picture", "Tromsoe", "picture")
    ((document,), failures) = read(pages, "half.pdf", tmp_path)
    assert not failures
    assert document.unread == "pages 2-3, 5 without text (scanned)"
    assert [s.page for s in document.segments] == [1, 4]


def test_html_nested_beyond_reason_is_an_error_not_an_empty_text(tmp_path: Path) -> None:
    content = b"<html><body>" + b"<div>" * 50_000 + b"Imatinib"
    assert "cannot be read to its end" in read(content, "a.html", tmp_path)[1]["a.html"]


def test_json_nested_beyond_reason(tmp_path: Path) -> None:
    assert "nested too deeply" in read(b"[" * 200_000, "a.json", tmp_path)[1]["a.json"]


def test_a_reader_that_takes_too_long_is_stopped_and_the_next_file_is_read(tmp_path: Path) -> None:
    began = time.monotonic()
    _, failures = read(many_pages(100_000), "a.pdf", tmp_path, Limits(seconds=0.5))
    assert "takes longer than" in failures["a.pdf"]
    assert time.monotonic() - began < 20
    with Sandbox(Limits(seconds=0.5)) as sandbox:
        (failure,) = sandbox.read(many_pages(100_000), "a.pdf", Options())
        assert isinstance(failure, Unreadable)
    with Sandbox(Limits(seconds=60)) as sandbox:
        (document,) = sandbox.read(pdf("Imatinib"), "b.pdf", Options())
        assert isinstance(document, Document)


@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited on Linux only")
def test_a_reader_that_needs_too_much_memory_is_an_error(tmp_path: Path) -> None:
    rows = b"[" + b",".join([b'"' + b"x" * 50 + b'"'] * 4_000_000) + b"]"
    _, failures = read(rows, "a.json", tmp_path, Limits(memory=500_000_000))
    assert "memory" in failures["a.json"] or "needs more than" in failures["a.json"]


def test_a_file_that_vanishes_before_it_is_read(tmp_path: Path) -> None:
    gone = tmp_path / "gone.pdf"
    found = Found(str(gone), 1, named=True)
    assert list(read_documents([found], [], ReadOptions(), Limits())) == [
        Unreadable(str(gone), "no such file or directory")
    ]


ROOT = Path(__file__).parents[2]


def test_a_file_that_grows_while_it_is_read_says_so(tmp_path: Path) -> None:
    path = tmp_path / "grows.txt"
    path.write_bytes(b"Imatinib " * 10_000_000)
    done = threading.Event()

    def grow() -> None:
        with path.open("ab") as stream:
            while not done.is_set():
                stream.write(b"x")
                stream.flush()

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        found = [Found(str(path), 1, named=True)]
        (read,) = read_documents(found, [], ReadOptions(), Limits())
    finally:
        done.set()
        writer.join()
    assert read == Unreadable(str(path), "changed while it was read; try again")


MUTATIONS = 200


def mutated(content: bytes, rng: random.Random) -> bytes:
    """Bytes changed, cut, doubled, or exchanged for zeros, at a few random places."""
    broken = bytearray(content)
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(max(1, len(broken)))
        size = rng.choice((1, 1, 4, 64, 1024))
        how = rng.randrange(5)
        if how == 0:
            broken[at : at + size] = rng.randbytes(min(size, len(broken) - at))
        elif how == 1:
            del broken[at : at + size]
        elif how == 2:
            broken[at:at] = broken[at : at + size]
        elif how == 3:
            broken[at : at + size] = bytes(min(size, len(broken) - at))
        else:
            del broken[at:]
    return bytes(broken)


@pytest.mark.slow
@pytest.mark.parametrize("ending", RENDERERS)
def test_mutated_files_never_end_a_run(ending: str) -> None:
    """Documents or causes, for every mutation; offsets hold whatever was understood."""
    rng = random.Random(ending)
    content = RENDERERS[ending](story())
    began = time.monotonic()
    with Sandbox(Limits(seconds=20)) as sandbox:
        for _ in range(MUTATIONS):
            broken = mutated(content, rng)
            for read in sandbox.read(broken, f"story.{ending}", Options()):
                if isinstance(read, Unreadable):
                    assert read.reason.strip()
                    assert "\n" not in read.reason
                else:
                    assert all(0 <= s.start < s.end <= len(read.text) for s in read.segments)
    assert time.monotonic() - began < 25 * MUTATIONS


def test_a_run_over_bad_files_goes_on_and_exits_with_1(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.pdf").write_bytes(pdf("x", encrypt="secret"))
    (folder / "b.pdf").write_bytes(b"%PDF-1.4 and no more")
    (folder / "c.docx").write_bytes(RENDERERS["docx"](story()))
    home = tmp_path / "home"
    home.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "uner_edge.cli", "extract", str(folder), "--types", "drug"],
        env=os.environ | {"HOME": str(home), "TMPDIR": str(home), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [bool(row["error"]) for row in rows] == [True, True, False]
    assert not list(home.iterdir())
