"""Pictures are made of what runs and manifests say, and of nothing else."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

from training.plots import add_runs, curve, draw_curves, draw_reliability


def test_a_run_becomes_a_curve_once(tiny_run: Path, tmp_path: Path) -> None:
    (point,) = curve(tiny_run)
    assert point["step"] == 100 and point["run"] == "tiny" and 0 < point["dev_f1"] <= 1
    table = tmp_path / "curves.csv"
    add_runs(table, [tiny_run])
    add_runs(table, [tiny_run])
    with table.open(newline="") as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["100"]


def test_pauses_are_no_training(tiny_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(tiny_run, tmp_path / "run")
    metrics = run / "metrics.jsonl"
    (before,) = curve(run)
    lines = metrics.read_text().splitlines()
    lines.append('{"step": 101, "dev_f1": 0.5, "dev": {}, "time": 1e12}')
    metrics.write_text("\n".join(lines))
    assert curve(run)[-1]["hours"] == before["hours"]


def test_pictures_show_their_numbers_and_are_the_same_every_time(tmp_path: Path) -> None:
    source = tmp_path / "curves.csv"
    source.write_text(
        "run,encoder,hours,step,dev_f1\nfirst,mini,0.5,10,0.25\nfirst,mini,1,20,0.3\n"
    )
    bins = [{"score": 0.2, "right": 0.3, "share": 0.5}, {"score": 0.9, "right": 0.8, "share": 0.5}]
    errors = {"error_before": 0.1, "error_after": 0.05}
    table = {"name": "tiny", "calibration": {"before": bins, "after": bins} | errors}
    for name in ("one", "two"):
        draw_curves(source, tmp_path / f"curves-{name}.svg")
        draw_reliability(table, tmp_path / f"bins-{name}.svg")
    curves, again = ((tmp_path / f"curves-{n}.svg").read_text() for n in ("one", "two"))
    assert curves == again and "first (mini)" in curves
    bins_one, bins_two = ((tmp_path / f"bins-{n}.svg").read_text() for n in ("one", "two"))
    assert bins_one == bins_two and "after: error 0.050" in bins_one
