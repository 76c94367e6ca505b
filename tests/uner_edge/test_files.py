from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uner_edge.document import Unreadable
from uner_edge.errors import UsageError
from uner_edge.files import STDIN, Found, Selection, find_files

ALL = Selection()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """b.txt, a.md, drafts/old.md, drafts/deep/c.txt, and hidden things."""
    folder = tmp_path / "tree"
    for name in ("b.txt", "a.md", "drafts/old.md", "drafts/deep/c.txt", ".secret", ".git/config"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, "utf-8")
    return folder


def below(folder: Path, found: Iterable[Found | Unreadable]) -> list[str]:
    """Paths relative to a folder, all of which must be readable files."""
    entries = list(found)
    assert all(isinstance(entry, Found) for entry in entries), entries
    return [os.path.relpath(entry.path, folder) for entry in entries]


def only_problem(found: Iterable[Found | Unreadable]) -> Unreadable:
    (entry,) = found
    assert isinstance(entry, Unreadable)
    return entry


def test_a_folder_gives_its_files_by_name_then_those_of_its_folders(tree: Path) -> None:
    found = find_files([str(tree)], ALL)
    assert below(tree, found) == ["a.md", "b.txt", "drafts/old.md", "drafts/deep/c.txt"]


def test_a_path_is_written_as_the_user_would_name_it(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tree)
    paths = [entry.path for entry in find_files(["drafts", "./a.md"], ALL)]
    assert paths == ["drafts/old.md", "drafts/deep/c.txt", "./a.md"]


def test_a_file_knows_its_size_and_whether_it_was_named(tree: Path) -> None:
    path = str(tree / "a.md")
    assert list(find_files([path], ALL)) == [Found(path, 4, named=True)]
    assert Found(path, 4, named=False) in list(find_files([str(tree)], ALL))


def test_files_come_in_the_order_named(tree: Path) -> None:
    paths = [str(tree / name) for name in ("b.txt", "a.md")]
    assert below(tree, find_files(paths, ALL)) == ["b.txt", "a.md"]


def test_standard_input_is_passed_on() -> None:
    assert list(find_files([STDIN], ALL)) == [Found("-", 0, named=True)]


def test_hidden_files_are_read_only_if_named(tree: Path) -> None:
    assert ".secret" not in below(tree, find_files([str(tree)], ALL))
    assert below(tree, find_files([str(tree / ".secret")], ALL)) == [".secret"]
    assert below(tree, find_files([str(tree / ".git")], ALL)) == [".git/config"]


def test_subfolders_are_left_alone_on_request(tree: Path) -> None:
    assert below(tree, find_files([str(tree)], Selection(recursive=False))) == ["a.md", "b.txt"]


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["*.md"], ["a.md", "drafts/old.md"]),
        (["/*.md"], ["a.md"]),
        (["drafts/"], ["drafts/old.md", "drafts/deep/c.txt"]),
        (["*.md", "!old.md"], ["a.md"]),
        (["deep/*.txt"], []),
        (["**/deep/*.txt"], ["drafts/deep/c.txt"]),
        (["*.pdf"], []),
    ],
)
def test_include_patterns_read_as_in_gitignore(
    patterns: list[str], expected: list[str], tree: Path
) -> None:
    assert below(tree, find_files([str(tree)], Selection(include=tuple(patterns)))) == expected


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["*.md"], ["b.txt", "drafts/deep/c.txt"]),
        (["drafts/"], ["a.md", "b.txt"]),
        (["deep"], ["a.md", "b.txt", "drafts/old.md"]),
        (["*", "!a.md"], ["a.md"]),
        (["drafts/", "!old.md"], ["a.md", "b.txt"]),
    ],
)
def test_exclude_patterns_read_as_in_gitignore(
    patterns: list[str], expected: list[str], tree: Path
) -> None:
    assert below(tree, find_files([str(tree)], Selection(exclude=tuple(patterns)))) == expected


def test_exclude_outweighs_include_and_neither_touches_named_files(tree: Path) -> None:
    selection = Selection(include=("*.md",), exclude=("old.md",))
    assert below(tree, find_files([str(tree)], selection)) == ["a.md"]
    named = [str(tree / "b.txt"), str(tree / "drafts" / "old.md")]
    assert below(tree, find_files(named, selection)) == ["b.txt", "drafts/old.md"]


@pytest.mark.parametrize("field", ["include", "exclude"])
@pytest.mark.parametrize("pattern", ["!", "a\\"])
def test_a_pattern_without_meaning_is_an_error_that_shows_it(
    pattern: str, field: str, tree: Path
) -> None:
    with pytest.raises(UsageError, match=re.escape(repr(pattern))):
        list(find_files([str(tree)], Selection(**{field: (pattern,)})))


@given(pattern=st.text(max_size=8), field=st.sampled_from(["include", "exclude"]))
def test_no_pattern_crashes(
    pattern: str, field: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / "one"
    folder.mkdir(exist_ok=True)
    (folder / "a.md").touch()
    try:
        found = list(find_files([str(folder)], Selection(**{field: (pattern,)})))
    except UsageError:
        return
    assert len(found) <= 1


def test_a_linked_file_is_read_and_a_linked_folder_only_if_named(tree: Path) -> None:
    elsewhere = tree.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "far.txt").touch()
    (tree / "folder").symlink_to(elsewhere)
    (tree / "link.txt").symlink_to(elsewhere / "far.txt")
    flat = Selection(recursive=False)
    assert below(tree, find_files([str(tree)], flat)) == ["a.md", "b.txt", "link.txt"]
    assert "folder/far.txt" not in below(tree, find_files([str(tree)], ALL))
    assert below(tree, find_files([str(tree / "folder")], ALL)) == ["folder/far.txt"]


def test_a_loop_of_linked_folders_ends(tree: Path) -> None:
    (tree / "drafts" / "up").symlink_to(tree, target_is_directory=True)
    found = below(tree, find_files([str(tree)], ALL))
    assert found == ["a.md", "b.txt", "drafts/old.md", "drafts/deep/c.txt"]


@pytest.mark.parametrize("named", [True, False])
def test_a_loop_of_linked_files_is_reported(named: bool, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    paths = [str(tmp_path / "a"), str(tmp_path / "b")]
    found = list(find_files(paths if named else [str(tmp_path)], ALL))
    assert found == [Unreadable(path, "too many levels of symbolic links") for path in paths]


@pytest.mark.parametrize("named", [True, False])
def test_a_link_to_nothing_is_reported(named: bool, tmp_path: Path) -> None:
    link = tmp_path / "gone.txt"
    link.symlink_to(tmp_path / "nowhere")
    found = find_files([str(link if named else tmp_path)], ALL)
    assert only_problem(found) == Unreadable(str(link), "does not exist")


@pytest.mark.parametrize("named", [True, False])
def test_a_pipe_is_reported_and_not_waited_for(named: bool, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    problem = only_problem(find_files([str(pipe if named else tmp_path)], ALL))
    assert problem.path == str(pipe)
    assert problem.reason.startswith("is a named pipe")


def test_devices_and_sockets_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert only_problem(find_files([os.devnull], ALL)).reason.startswith("is a device")
    monkeypatch.chdir(tmp_path)  # a socket's path may have some 100 characters only
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("talk")
        assert only_problem(find_files(["talk"], ALL)).reason.startswith("is a socket")


def test_a_folder_without_permission_is_reported(tree: Path) -> None:
    drafts = tree / "drafts"
    drafts.chmod(0)
    try:
        found = list(find_files([str(tree)], ALL))
    finally:
        drafts.chmod(0o700)
    assert [entry.path for entry in found[:2]] == [str(tree / "a.md"), str(tree / "b.txt")]
    if os.geteuid() == 0:  # to root, nothing is forbidden
        assert below(tree, found[2:]) == ["drafts/old.md", "drafts/deep/c.txt"]
    else:
        assert found[2:] == [Unreadable(str(drafts), "permission denied")]


def test_a_missing_path_is_reported_and_the_others_are_found(tree: Path) -> None:
    missing = str(tree / "no such file.txt")
    first, second = find_files([missing, str(tree / "a.md")], ALL)
    assert first == Unreadable(missing, "does not exist")
    assert isinstance(second, Found)


@pytest.mark.parametrize(
    ("path", "reason"),
    [("", "does not exist"), ("a\0b", "null"), ("{file}/x", "not a directory")],
)
def test_paths_that_cannot_be_are_reported(path: str, reason: str, tree: Path) -> None:
    problem = only_problem(find_files([path.format(file=tree / "a.md")], ALL))
    assert reason in problem.reason


def test_every_file_comes_once_however_often_it_is_named(tree: Path) -> None:
    (tree / "link.md").symlink_to(tree / "a.md")
    os.link(tree / "b.txt", tree / "same.txt")
    paths = [str(tree / "a.md"), str(tree), str(tree / "drafts"), str(tree / "." / "a.md")]
    expected = ["a.md", "b.txt", "drafts/old.md", "drafts/deep/c.txt"]
    assert below(tree, find_files(paths, ALL)) == expected


def test_the_output_is_no_input(tree: Path) -> None:
    found = find_files([str(tree)], ALL, but_not=tree / "drafts" / ".." / "b.txt")
    assert "b.txt" not in below(tree, found)
    everything = below(tree, find_files([str(tree)], ALL, but_not=tree / "new.jsonl"))
    assert len(everything) == 4


@pytest.mark.parametrize("named", [True, False])
def test_a_file_over_the_limit_is_reported(named: bool, tmp_path: Path) -> None:
    fits, big = tmp_path / "a.txt", tmp_path / "b.txt"
    fits.write_bytes(b"x" * 1000)
    big.write_bytes(b"x" * 1001)
    paths = [str(fits), str(big)] if named else [str(tmp_path)]
    found = list(find_files(paths, Selection(max_bytes=1000)))
    assert found == [
        Found(str(fits), 1000, named),
        Unreadable(str(big), "has 1,001 bytes, more than --max-bytes 1,000"),
    ]


def test_names_may_hold_any_character(tmp_path: Path) -> None:
    names = ["two\nlines.txt", "-o", "[x].txt", "*.md", "été.txt", "e\u0301.txt", "x\\y.txt"]
    for name in names:
        (tmp_path / name).write_text("x", "utf-8")
    (tmp_path / "new\nfolder").mkdir()
    (tmp_path / "new\nfolder" / "in.txt").touch()
    found = below(tmp_path, find_files([str(tmp_path)], ALL))
    assert found == [*sorted(names), "new\nfolder/in.txt"]
    chosen = below(tmp_path, find_files([str(tmp_path)], Selection(include=("two*.txt",))))
    assert chosen == ["two\nlines.txt"]


def test_a_name_that_is_not_utf_8_is_found_and_can_be_opened(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9.txt"
    try:
        with open(path, "wb") as stream:
            stream.write(b"text")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (entry,) = find_files([str(tmp_path)], Selection(include=("*.txt",)))
    assert isinstance(entry, Found)
    assert os.fsencode(entry.path) == path
    with open(entry.path, "rb") as stream:
        assert stream.read() == b"text"
