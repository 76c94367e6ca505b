from __future__ import annotations

from pathlib import Path

import pytest

from uner_edge.engines import open_engine
from uner_edge.errors import ExitCode, ModelError
from uner_edge.model_files import Manifest, ModelFile


def test_a_kind_of_model_this_version_does_not_know_is_refused(tmp_path: Path) -> None:
    files = (ModelFile("weights", "00", 1),)
    manifest = Manifest(tmp_path, "odd", 1, "oracle", files, 0.5, 1.0, {})
    with pytest.raises(ModelError, match="odd: .*'oracle'.*tagger") as caught:
        open_engine(manifest)
    assert caught.value.exit_code == ExitCode.MODEL
