import json
from pathlib import Path

import pytest

from configs import base, lstm, ncsn_paper
from lmjax.agreement import check_kind, check_model, check_run
from lmjax.settings import from_config, to_config
from lmjax.training.checkpoints import CheckpointError

RUN = Path("run")
# Changes of a config, and who minds them: going on with a run, using its weights, using the
# shipped weights.
CHANGES = [
    ({"name": "other", "compose.num": 99, "evaluation.draws": 1, "sampler.levels": 7,
      "data.path": "elsewhere", "training.devices": 1, "training.checkpoint_every": 7}, ()),
    ({"seed": 1}, ("run",)),
    ({"training.steps": 7, "training.length": 32}, ("run",)),
    ({"optimizer.ema": 0.5}, ("run",)),
    ({"loss.kind": "sliced"}, ("run",)),
    ({"condition.known": 0.1}, ("run",)),
    ({"noise.sigma_max": 9.0}, ("run",)),
    ({"data.metres": ("4/4",)}, ("run",)),
    ({"data.transpose": ""}, ("run",)),
    ({"network.dropout": 0.5}, ("run",)),
    ({"network.channels": 32}, ("run", "model")),
    ({"network.pairs": False}, ("run", "model")),
    ({"network.symmetry": False}, ("run", "model")),
    ({"embedding.width": 8}, ("run", "model")),
    ({"embedding.kind": "learned"}, ("run", "model", "kind")),
    ({"data.source": "jsb16"}, ("run", "model", "kind")),
    ({"data.encoding": "hold"}, ("run", "model", "kind")),
    ({"data.ranges": "paper"}, ("run", "model", "kind")),
    ({"data.padding": True}, ("run", "model", "kind")),
]


@pytest.fixture
def about():
    """A checkpoint's description, as it is once written and read."""
    return json.loads(json.dumps({"config": to_config(from_config(base.get_config()))}))


@pytest.mark.parametrize("changes, minded", CHANGES, ids=lambda value: next(iter(value), None))
def test_what_a_config_may_change(about, changes, minded):
    config = base.get_config()
    config.update_from_flattened_dict(changes)
    settings = from_config(config)
    for name, check in (("run", check_run), ("model", check_model), ("kind", check_kind)):
        if name in minded:
            with pytest.raises(CheckpointError, match="|".join(changes)):
                check(RUN, about, settings)
        else:
            check(RUN, about, settings)


def test_what_is_said(about):
    config = base.get_config()
    config.data.metres = ("4/4",)
    with pytest.raises(CheckpointError) as caught:
        check_run(RUN, about, from_config(config))
    assert str(caught.value) == (
        "run holds a model with data.metres=[], and the config asks for ['4/4']; use the same "
        "config, or another --workdir")
    config.data.source = "jsb16"
    with pytest.raises(CheckpointError) as caught:
        check_kind(RUN, about, from_config(config))
    assert str(caught.value) == (
        "run holds no weights; the shipped ones are of a model with data.source='corpus', and the "
        "config asks for 'jsb16'; train first, with --mode=train")


def test_the_kind_of_a_network_is_named_before_its_fields(about):
    config = base.get_config()
    config.network = ncsn_paper.get_config().network
    config.condition.update(known=0.0, allowed=0.0)
    for check in (check_run, check_model, check_kind):
        with pytest.raises(CheckpointError, match="kind='evidence', and the config asks for "
                                                  "'transformer'"):
            check(RUN, about, from_config(config))


def test_models_of_two_families_differ_in_their_networks(about):
    with pytest.raises(CheckpointError, match=r"network\.kind='evidence', and the config asks "
                                              r"for 'lstm'; train first"):
        check_kind(RUN, about, from_config(lstm.get_config()))
