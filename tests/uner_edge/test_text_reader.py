"""``uner_edge.readers``: from a path to a Document, and plain text itself."""

from __future__ import annotations

import hashlib
import io
import os
import random
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.uner_edge.any_text import any_text
from uner_edge.document import Document, Unreadable
from uner_edge.errors import ReadError
from uner_edge.files import Found
from uner_edge.readers import Limits, NoTextError, ReadOptions, read_documents, read_one
from uner_edge.readers.text import decode

MIXED = "Zoë met 王晓岚 in Łódź.\r\nΕλένη 🌧️ שלום\n"

FRENCH = """\
L'été dernier, Hélène Brégançon a découvert à Besançon une vieille maison où, disait-on, un
célèbre peintre avait vécu. « C'était un garçon très secret », répétait sa voisine, qui n'avait
guère connu l'artiste qu'à travers les récits de son père. Les pièces étaient décorées de tableaux
inachevés ; même la cheminée avait été peinte. Après quelques années à l'étranger, le maître
était revenu, ruiné et fâché avec ses élèves. Il mourut à Noël, sans héritier, dans la chambre
bleue, près de la fenêtre. Le musée voisin possède aujourd'hui l'œuvre entière, achetée 3 000 €.
"""
GERMAN = """\
Im März fuhr Jürgen Größler über Köln nach München, um dort die Übersetzung eines schwäbischen
Märchens abzuschließen. Der Verlag hatte für die Veröffentlichung größere Änderungen gefordert,
und so saß er täglich bis spät in die Nacht an seinem Schreibtisch. „Schöner wird es dadurch
nicht“, erklärte er später, „aber die Leser müssen es verstehen können.“ Die Straße vor dem Haus
war während der ganzen Zeit gesperrt; Fußgänger mussten über den Hof gehen. Als das Buch endlich
erschien, schrieb eine Zürcher Zeitung, es sei außergewöhnlich gut geraten.
"""
SPANISH = """\
¿Quién no recuerda el año en que la señora Muñoz llegó a Málaga? Venía de un pequeño pueblo de
la montaña y traía consigo sólo una maleta y el corazón lleno de ilusión. Según contó después,
había viajado tres días en tren sin dormir ni comer. El niño que la acompañaba, su sobrino José
María, quería ser médico. «Mañana empezaremos de nuevo», decía ella cada noche. Con el tiempo
abrió una panadería cerca del jardín botánico, y allí trabajó más de cuarenta años, hasta que la
vejez y una enfermedad del riñón le impidieron continuar. ¡Qué tristeza sintió todo el barrio!
"""
POLISH = """\
Jesienią Łukasz Wiśniewski przyjechał z Gdańska do Łodzi, żeby odwiedzić swoją babcię, która
właśnie skończyła dziewięćdziesiąt lat. Wieczorem usiedli przy kuchennym stole i długo rozmawiali
o dawnych czasach, o wojnie i o książkach, których już nikt nie czyta. „Pamiętaj”, mówiła, „że
najważniejsza jest cierpliwość”. Następnego dnia poszli razem na cmentarz, gdzie leży jej mąż,
a potem na targ po śliwki i świeże jabłka. Pociąg powrotny odjeżdżał dopiero późną nocą, więc
zdążyli jeszcze obejrzeć stary film w kinie za rogiem.
"""
RUSSIAN = """\
Осенью Ольга Светлогорова вернулась в Петербург, где прошла её юность. Город показался ей
незнакомым: на месте старой библиотеки стоял новый дом, а сад у реки совсем зарос. Она долго
гуляла по набережной и вспоминала друзей, которые давно разъехались по разным странам. Вечером
она позвонила брату и сказала, что останется здесь до весны.
"""


@given(any_text.filter(lambda text: "\0" not in text and not text.startswith("\ufeff")))
@example("")
@example("ab\r\ncd\rEf\n")
def test_utf_8_is_read_as_it_was_written(text: str) -> None:
    assert decode(text.encode("utf-8")) == (text, "utf-8")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-32", "utf-32"),
    ],
)
@pytest.mark.parametrize("text", [MIXED, "plain\r\n", "x"])
def test_a_byte_order_mark_decides_and_is_no_part_of_the_text(
    text: str, written: str, read: str
) -> None:
    assert decode(text.encode(written)) == (text, read)


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@given(text=any_text.filter(lambda text: "\0" not in text))
def test_both_byte_orders_are_read(codec: str, text: str) -> None:
    assert decode(("\ufeff" + text).encode(codec)) == (text, codec[:6])


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", ["Plain English text.\r\n", FRENCH, GERMAN, "a"])
def test_utf_16_without_a_mark_is_known_by_its_zeros(text: str, codec: str) -> None:
    assert decode(text.encode(codec)) == (text, codec)


@pytest.mark.parametrize("text", [FRENCH, GERMAN, SPANISH], ids=["french", "german", "spanish"])
@pytest.mark.parametrize("length", [60, 480, 1_000, 1_600, 4_000, 30_000, 100_000])
def test_western_european_text_is_read_letter_by_letter(text: str, length: int) -> None:
    """Too short for a guess, long, and longer than what the guess looks at."""
    text = (text * 200)[:length]
    assert decode(text.encode("cp1252")) == (text, "cp1252")


@pytest.mark.parametrize(
    "text",
    [
        "café",
        "Motörhead",
        "The café on Rue Molière is closed.",
        "“Quoted” — it costs 5 € more",
        "plain English " * 6000 + "until a naïve café",
    ],
)
def test_a_single_accent_is_read_right(text: str) -> None:
    assert decode(text.encode("cp1252")) == (text, "cp1252")


@pytest.mark.parametrize(
    ("text", "codec"),
    [(POLISH * 2, "cp1250"), (RUSSIAN, "cp1251"), (RUSSIAN, "koi8_r")],
    ids=["polish", "russian", "russian in koi8"],
)
def test_other_legacy_encodings_are_guessed(text: str, codec: str) -> None:
    assert decode(text.encode(codec)) == (text, codec)


def test_bytes_that_no_code_page_has_are_read_as_latin_1() -> None:
    content = "Café \x81 and the rest".encode("latin-1")
    decoded = decode(content)
    assert decoded is not None
    assert decoded[0].encode(decoded[1]) == content


def random_bytes(seed: int) -> bytes:
    return random.Random(seed).randbytes(2048)


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10\x08\x06\0\0\0\x1f\xf3\xffa",
        b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0>\0",
        b"PK\x03\x04\x14\0\0\0\x08\0" + random_bytes(1),
        b"text with one zero \0 in it",
        b"\0" * 512,
        bytes(range(1, 256)) * 8,
        b"caf\xe9 " + b"\x01\x02\x03" * 20,
    ],
)
def test_binary_data_is_not_text(content: bytes) -> None:
    assert decode(content) is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xfe" + "odd".encode("utf-16-le") + b"x", "marked as UTF-16 text but damaged"),
        (b"\xef\xbb\xbf marked as UTF-8, yet \xff", "marked as UTF-8 text but damaged"),
    ],
)
def test_damaged_text_with_a_mark_is_an_error_wherever_it_lies(
    content: bytes, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "damaged.txt"
    path.write_bytes(content)
    skipped: list[str] = []
    (read,) = read_documents(
        [Found(str(path), len(content), named=False)], skipped, ReadOptions(), Limits()
    )
    assert isinstance(read, Unreadable)
    assert reason in read.reason
    assert not skipped


@pytest.mark.parametrize("seed", range(30))
def test_random_bytes_are_not_text(seed: int) -> None:
    assert decode(random_bytes(seed)) is None
    assert decode(random_bytes(seed).replace(b"\0", b"\xff")) is None


@given(st.binary(max_size=200))
def test_whatever_is_decoded_can_be_decoded_again_by_the_codec_named(content: bytes) -> None:
    decoded = decode(content)
    if decoded is not None:
        text, codec = decoded
        assert content.decode(codec) == text


def test_a_document_has_the_facts_of_its_file(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbfZo\xc3\xab\r\nand\n"
    path = tmp_path / "letter.txt"
    path.write_bytes(content)
    assert read_one(str(path), ReadOptions(), Limits()) == Document(
        path=str(path),
        sha256=hashlib.sha256(content).hexdigest(),
        text="Zoë\r\nand\n",
        encoding="utf-8-sig",
        size=13,
    )


def test_an_empty_file_is_an_empty_text(tmp_path: Path) -> None:
    path = tmp_path / "empty.txt"
    path.touch()
    document = read_one(str(path), ReadOptions(), Limits())
    assert (document.text, document.encoding, document.size) == ("", "utf-8", 0)


def test_standard_input_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    content = "Zoë\r\nand more\r".encode("utf-16")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    document = read_one("-", ReadOptions(), Limits())
    assert (document.path, document.text) == ("-", "Zoë\r\nand more\r")
    assert (document.encoding, document.size) == ("utf-16", len(content))


@pytest.mark.parametrize(
    ("name", "reason"), [("none.txt", "no such file or directory"), (".", "is a directory")]
)
def test_what_cannot_be_opened_says_why(name: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=reason):
        read_one(str(tmp_path / name), ReadOptions(), Limits())


def test_a_file_without_permission_says_so(tmp_path: Path) -> None:
    path = tmp_path / "closed.txt"
    path.write_text("secret", "utf-8")
    path.chmod(0)
    if os.geteuid() == 0:  # to root, nothing is forbidden
        assert read_one(str(path), ReadOptions(), Limits()).text == "secret"
    else:
        with pytest.raises(ReadError, match="permission denied"):
            read_one(str(path), ReadOptions(), Limits())


def test_a_file_without_text_is_an_error_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\r")
    with pytest.raises(NoTextError, match="is not text"):
        read_one(str(path), ReadOptions(), Limits())


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    """In order: text, an image below a folder, the same image named, gone, known to be bad."""
    text, image = tmp_path / "a.txt", tmp_path / "b.png"
    text.write_text("Text", "utf-8")
    image.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\r")
    skipped: list[str] = []
    found = [
        Found(str(text), 4, named=False),
        Found(str(image), 12, named=False),
        Found(str(image), 12, named=True),
        Found(str(tmp_path / "gone.txt"), 4, named=False),
        Unreadable("pipe", "is a named pipe"),
        Found(str(text), 4, named=True),
    ]
    first, *problems, last = read_documents(found, skipped, ReadOptions(), Limits())
    assert isinstance(first, Document) and isinstance(last, Document)
    assert first.text == last.text == "Text"
    assert problems == [
        Unreadable(str(image), "is not text (Portable Network Graphics file)", True),
        Unreadable(str(tmp_path / "gone.txt"), "no such file or directory"),
        Unreadable("pipe", "is a named pipe"),
    ]
    assert skipped == [str(image)]
