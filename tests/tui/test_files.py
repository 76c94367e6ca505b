"""The tree of files: folders, states, and where the cursor goes."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from tui.file_tree import FileRow, FileTree, Folder, grown

PATHS = ("in/a.txt", "in/Mail/b.eml", "in/Mail/old/c.eml", "in/z.zip/d.txt", "in/z.txt")


def rows(root: Folder) -> list[tuple[int, str]]:
    return [(row.depth, os.path.basename(row.path.rstrip(os.sep))) for row in root.shown()]


def test_folders_come_before_files_and_shared_ones_are_not_shown() -> None:
    root = grown([FileRow(path, "new") for path in PATHS], set())
    assert rows(root) == [
        (0, "Mail"), (1, "old"), (2, "c.eml"), (1, "b.eml"), (0, "z.zip"), (1, "d.txt"),
        (0, "a.txt"), (0, "z.txt"),
    ]  # fmt: skip


def test_closed_folders_hide_what_is_in_them_but_keep_it() -> None:
    root = grown([FileRow(path, "new") for path in PATHS], {"in/Mail/"})
    assert (1, "old") not in rows(root) and (0, "Mail") in rows(root)
    assert len(list(root.below())) == len(PATHS)


NAMES = st.text(st.sampled_from("ab.é"), min_size=1, max_size=3).filter(
    lambda name: name.strip(".")
)


@given(st.sets(st.lists(NAMES, min_size=1, max_size=4).map(tuple), max_size=12), st.booleans())
def test_every_file_stands_once_below_its_folder(parts: set[tuple[str, ...]], rooted: bool) -> None:
    paths = {("/" if rooted else "") + "/".join(names) for names in parts}
    root = grown([FileRow(path, "new") for path in paths], set())
    assert sorted(file.path for file in root.below()) == sorted(paths)
    above: list[Folder] = []
    for row in root.shown():
        above = above[: row.depth]
        assert row.depth == len(above)
        if above:
            assert row.path.startswith(above[-1].path)
        if isinstance(row, Folder):
            above.append(row)


def test_a_tree_without_files_draws_nothing() -> None:
    tree = FileTree()
    assert tree.count() == 0 and tree.chosen is None
