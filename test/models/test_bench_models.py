"""The benchmark measures every phase and says "not measured" where there is no GPU."""

from __future__ import annotations

import json

import pytest
import torch

from molmo_ros.cli.bench import _model_phases as phases
from molmo_ros.cli.main import main
from molmo_ros.models import tiny
from molmo_ros.models.molmo_v1.config import molmoact_config
from molmo_ros.models.weights import open_checkpoint


def test_every_phase_is_measured(tmp_path, monkeypatch):
    out = tmp_path / "figures.json"
    monkeypatch.setattr("sys.argv", ["molmo-ros", "bench", "models", "--repeats", "1", "--out", str(out)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    figures = json.loads(out.read_text())["figures"]
    assert {"preprocess", "vision", "prefill", "decode"} <= figures["molmoact, tiny, CPU"].keys()
    assert {"vision", "prefill", "flow"} <= figures["molmoact2, tiny, CPU"].keys()
    if not torch.cuda.is_available():
        assert figures["molmoact2 DROID, 2 images, 10 steps, bfloat16"].startswith("not measured")


def test_the_full_size_runs_work_at_another_size(tmp_path):
    config = molmoact_config(open_checkpoint(tiny.write_molmoact(tmp_path / "v1")).config)
    cpu = torch.device("cpu")
    rows = phases.full_molmoact(cpu, 1, config=config, tokens=4, text=8)
    assert rows[0]["image to trace"] > rows[0]["decode"] > 0
    raw = dict(open_checkpoint(tiny.write_molmoact2(tmp_path / "v2")).config)
    assert phases.full_molmoact2(cpu, 1, raw=raw, text=8)[0]["chunk"] > 0
