"""A training in small of each family; the modules say of which config."""

import json
import runpy

import pytest

from lmjax.train import train


@pytest.fixture(scope="module")
def no_score(tiny):
    """The tiny config without what only score models have."""
    config = runpy.run_path(str(tiny))["get_config"]()
    del config.embedding, config.noise, config.loss
    config.condition.update(known=0.0, allowed=0.0)
    config.evaluation.update(length=0, tracks=())
    return config


@pytest.fixture(scope="module")
def folder(config, tmp_path_factory):
    """Of a training by the module's config, whose loss is seen to fall."""
    folder = tmp_path_factory.mktemp("run")
    train(config, folder, progress=False)
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    valid = [row["valid"] for row in rows if "valid" in row]
    assert valid[-1] < valid[0]
    return folder
