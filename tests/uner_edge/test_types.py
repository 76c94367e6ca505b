from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uner_edge.errors import ExitCode, TypesError
from uner_edge.types import (
    MAX_NAME_CHARS,
    EntityType,
    TypeSet,
    load_pack,
    load_preset,
    presets,
)

PACK = """\
title = "Ships"
description = "What sails."

[[type]]
name = "ship  name"
definition = "A vessel by its name."

[[type]]
name = "port"
"""

names = st.text(
    st.characters(categories=["L", "N"]) | st.sampled_from("-/ ()"), min_size=1, max_size=20
).filter(lambda name: any(c.isalnum() for c in name))


def test_names_keep_the_order_of_the_user_and_lose_spare_blanks() -> None:
    types = TypeSet.parse(" drug ,adverse \t event,  gene")
    assert types.names == ("drug", "adverse event", "gene")
    assert [kind.definition for kind in types] == [None, None, None]
    assert len(types) == 3


@given(st.lists(names, min_size=1, max_size=8, unique_by=lambda n: " ".join(n.split()).casefold()))
def test_what_is_joined_by_commas_is_parsed_back(asked: list[str]) -> None:
    assert TypeSet.parse(",".join(asked)).names == tuple(" ".join(n.split()) for n in asked)


@pytest.mark.parametrize("listing", ["", "   ", ",", "drug,", "drug,,disease", ", drug"])
def test_an_empty_name_is_an_error(listing: str) -> None:
    with pytest.raises(TypesError, match="empty; separate names by single commas") as caught:
        TypeSet.parse(listing)
    assert caught.value.exit_code == ExitCode.USAGE


def test_no_types_at_all_is_an_error_that_shows_how_to_ask() -> None:
    with pytest.raises(TypesError, match="no types asked for; try --types"):
        TypeSet(())


@pytest.mark.parametrize("listing", ["drug, gene, drug", "Drug, drug", "Straße, STRASSE"])
def test_a_name_given_twice_in_whatever_case_is_an_error(listing: str) -> None:
    with pytest.raises(TypesError, match="is given twice"):
        TypeSet.parse(listing)


def test_a_name_may_be_long_but_not_longer() -> None:
    longest = "x" * MAX_NAME_CHARS
    assert TypeSet.of([longest]).names == (longest,)
    with pytest.raises(TypesError, match="has 81 characters; at most 80"):
        TypeSet.of([longest + "x"])


@pytest.mark.parametrize(
    ("name", "problem"),
    [("?!", "has no letter or digit"), ("—", "has no letter or digit"), ("a\x00b", "control")],
)
def test_a_name_that_no_text_could_match_is_an_error(name: str, problem: str) -> None:
    with pytest.raises(TypesError, match=problem):
        TypeSet.of([name])


def test_a_pack_of_ones_own_is_read(tmp_path: Path) -> None:
    path = tmp_path / "ships.toml"
    path.write_text(PACK, "utf-8")
    pack = load_pack(path)
    assert (pack.title, pack.description) == ("Ships", "What sails.")
    assert pack.types.types == (
        EntityType("ship name", "A vessel by its name."),
        EntityType("port", None),
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("title = ", "not TOML"),
        ('titel = "Ships"', "unknown key 'titel'; known: description, title, type"),
        ('[[type]]\nname = "port"\nmeaning = "x"', "unknown key 'meaning'; known: definition"),
        ('[type]\nname = "port"', r"write each type as a \[\[type\]\] table"),
        ('type = ["port"]', "expected a table"),
        ("[[type]]\nname = 7", "name and definition of a type are strings"),
        ('[[type]]\nname = "port"\ndefinition = 7', "name and definition of a type are strings"),
        ('[[type]]\ndefinition = "nameless"', "a type name is empty"),
        ('[[type]]\nname = "port"\n[[type]]\nname = "Port"', "type 'Port' is given twice"),
        ('title = "Nothing in it"', "no types"),
    ],
)
def test_a_malformed_pack_is_an_error_that_names_file_and_fault(
    content: str, problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "pack.toml"
    path.write_text(content, "utf-8")
    with pytest.raises(TypesError, match=problem) as caught:
        load_pack(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_pack_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path) -> None:
    latin = tmp_path / "latin.toml"
    latin.write_bytes('title = "Bücher"'.encode("latin-1"))
    for path, problem in [
        (tmp_path / "none.toml", "No such file"),
        (tmp_path, "Is a directory"),
        (latin, "UTF-8"),
    ]:
        with pytest.raises(TypesError, match=problem) as caught:
            load_pack(path)
        assert str(path) in str(caught.value)


def test_an_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(TypesError, match="no preset 'biomedcal'; did you mean 'biomedical'?"):
        load_preset("biomedcal")


@pytest.mark.parametrize("name", ["qqqqqq", "../packs/general", ""])
def test_a_preset_like_no_other_lists_all(name: str) -> None:
    with pytest.raises(TypesError) as caught:
        load_preset(name)
    assert "general" in str(caught.value)


def test_there_are_presets_in_order() -> None:
    assert {"general", "biomedical", "clinical", "pii"} <= set(presets())
    assert list(presets()) == sorted(presets())


@pytest.mark.parametrize("name", presets())
def test_a_preset_explains_itself_and_every_type(name: str) -> None:
    pack = load_preset(name)
    assert pack.title
    assert pack.description
    for kind in pack.types:
        assert kind.definition, kind.name
        assert "," not in kind.name, "could not be asked for with --types"
    assert TypeSet.parse(", ".join(pack.types.names)).names == pack.types.names
