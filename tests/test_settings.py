import dataclasses
import importlib
import json

import pytest

from lmjax.networks.evidence import EvidenceSettings
from lmjax.networks.transformer import TransformerSettings
from lmjax.settings import ConfigError, from_config, to_config

CONFIGS = ("base", "ncsn", "ncsn_long", "ncsn_finish", "ncsn_paper", "jsb", "smoke", "gibbs",
           "lstm", "transformer_paper", "transformer")


def config_of(name="base"):
    return importlib.import_module(f"configs.{name}").get_config()


@pytest.mark.parametrize("name", CONFIGS)
def test_every_config_is_complete_and_comes_back_the_same(name):
    settings = from_config(config_of(name))
    assert settings.name == name
    assert from_config(to_config(settings)) == settings


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_survives_json(name):
    settings = from_config(config_of(name))
    assert from_config(json.loads(json.dumps(to_config(settings)))) == settings


def test_the_base_config_and_the_dataclasses_agree():
    settings = from_config(config_of("base"))
    sections = [value for value in vars(settings).values() if dataclasses.is_dataclass(value)]
    assert len(sections) == 11
    for section in sections:
        assert section == type(section)()


def test_values_arrive_where_they_belong():
    config = config_of()
    config.training.steps = 123
    config.data.metres = ("4/4", "3/4")
    config.optimizer.learning_rate = 1  # an int where a float is meant
    settings = from_config(config)
    assert settings.training.steps == 123
    assert settings.data.metres == ("4/4", "3/4")
    assert settings.optimizer.learning_rate == 1.0
    assert isinstance(settings.optimizer.learning_rate, float)


def test_the_kind_decides_the_network():
    assert isinstance(from_config(config_of("ncsn")).network, EvidenceSettings)
    assert isinstance(from_config(config_of("ncsn_paper")).network, TransformerSettings)


@pytest.mark.parametrize("section, field, message", [
    ("training", "stesp", "config.training has no field stesp; did you mean steps"),
    ("network", "dropuot", "config.network has no field dropuot; did you mean dropout"),
    ("network", "stride", "config.network has no field stride; it has channels"),
    ("", "trianing", "config has no field trianing; did you mean training"),
])
def test_an_unknown_field_is_named(section, field, message):
    config = config_of().to_dict()
    (config[section] if section else config)[field] = 1
    with pytest.raises(ConfigError, match=message):
        from_config(config)


@pytest.mark.parametrize("section, field", [
    ("training", "steps"), ("network", "reach"), ("", "noise")])
def test_a_missing_field_is_named(section, field):
    config = config_of().to_dict()
    del (config[section] if section else config)[field]
    path = ".".join(part for part in ("config", section) if part)
    with pytest.raises(ConfigError, match=f"{path} lacks the field {field}"):
        from_config(config)


@pytest.mark.parametrize("section, field, value, message", [
    ("training", "steps", "many", "config.training.steps must be of type int, not 'many'"),
    ("training", "steps", 1.5, "must be of type int"),
    ("training", "steps", True, "must be of type int"),
    ("optimizer", "clip", True, "config.optimizer.clip must be of type float"),
    ("data", "padding", 1, "config.data.padding must be of type bool"),
    ("data", "metres", "4/4", "config.data.metres must be a tuple"),
    ("data", "metres", (4,), "config.data.metres must be of type str"),
    ("compose", "fermatas", (4, 3), "config.compose.fermatas must be a tuple, not 4"),
    ("compose", "fermatas", ((4, 2.5),), "config.compose.fermatas must be of type int, not 2.5"),
    ("network", "smoothing", 1, "config.network.smoothing must be of type bool"),
    ("", "noise", 3, "config.noise must be a section of fields"),
    ("network", "kind", "gru", "config.network.kind must be one of evidence, transformer, m"),
    ("sampler", "kind", "hot", "config.sampler.kind must be one of langevin, ancestral, "),
])
def test_a_value_of_the_wrong_kind_is_named(section, field, value, message):
    config = config_of().to_dict()
    (config[section] if section else config)[field] = value
    with pytest.raises(ConfigError, match=message):
        from_config(config)


@pytest.mark.parametrize("section, field, value, message", [
    ("training", "steps", 0, "training.steps must be at least 1"),
    ("training", "batch_size", -8, "training.batch_size must be at least 1"),
    ("training", "length", 30, "training.length must be a positive multiple of 4"),
    ("training", "checkpoint_every", 0, "training.checkpoint_every"),
    ("network", "layers", 0, "network.layers must be at least 1"),
    ("network", "dropout", 1.0, "network.dropout must be at least 0 and below 1"),
    ("network", "heads", 0, "network.heads must be at least 1"),
    ("network", "heads", 5, "network.channels must be a multiple of network.heads, .* 16 and 5"),
    ("network", "level_width", 7, "network.level_width must be even, not 7"),
    ("embedding", "width", 0, "embedding.width"),
    ("embedding", "kind", "hot", "embedding.kind"),
    ("compose", "num", 0, "compose.num must be at least 1"),
    ("compose", "window", 30, "compose.window must be a positive multiple of 4"),
    ("compose", "length", 33, "compose.length must be a positive multiple of 4"),
    ("compose", "formats", ("doc",), "compose.formats must be one of"),
    ("compose", "form", "drawn",
     "compose.form must be one of 'given', 'open', 'prior', not 'drawn'"),
    ("data", "encoding", "plain", "data.encoding must be one of"),
    ("data", "ranges", "narrow", "data.ranges must be one of"),
    ("evaluation", "length", 63, "evaluation.stride must not exceed evaluation.length, .* 64 > 63"),
    ("evaluation", "samples", -1, "must not be negative"),
    ("evaluation", "sigma_min", 0.0, "evaluation.sigma_min"),
    ("evaluation", "sigma_max", 0.01, "evaluation.sigma_max"),
    ("evaluation", "tracks", ("tempo",), "evaluation.tracks must be one of"),
    ("condition", "known", 1.5, "condition.known must lie between 0 and 1"),
    ("condition", "drop", -0.1, "condition.drop must lie between 0 and 1"),
    ("optimizer", "learning_rate", 0.0, "optimizer.learning_rate must be positive"),
    ("optimizer", "ema", 1.5, "optimizer.ema must lie between 0 and 1"),
    ("optimizer", "warmup", -1, "optimizer.warmup must not be negative"),
    ("optimizer", "clip", -1.0, "optimizer.clip must not be negative"),
    ("loss", "kind", "squared", "loss.kind must be one of"),
    ("loss", "cap", 0.0, "loss.cap must be positive"),
    ("noise", "sigma_min", 30.0, "sigma_max must exceed sigma_min"),
    ("noise", "kind", "linear", "kind must be one of"),
    ("sampler", "kind", "euler", "sampler.kind must be one of"),
    ("sampler", "steps", 0, "sampler.steps must be at least 1"),
    ("sampler", "levels", 1, "needs 2 levels"),
])
def test_a_value_that_cannot_be_is_named(section, field, value, message):
    config = config_of().to_dict()
    config[section][field] = value
    with pytest.raises(ValueError, match=message):
        from_config(config)


@pytest.mark.parametrize("field, value, message", [
    ("width", 129, "network.width must be even, not 129"),
    ("heads", 0, "network.heads must be at least 1"),
    ("heads", 5, "network.width must be a multiple of network.heads, .* 128 and 5"),
    ("feedforward", 0, "network.feedforward must be at least 1"),
])
def test_a_size_of_the_papers_network_that_cannot_be_is_named(field, value, message):
    config = config_of("ncsn_paper")
    config.network[field] = value
    with pytest.raises(ValueError, match=message):
        from_config(config)


def test_the_benchmark_has_no_forms_to_draw_from():
    config = config_of("jsb")
    config.compose.form = "prior"
    with pytest.raises(ValueError, match="the JSB benchmark states none; use compose"):
        from_config(config)


def test_the_transformer_is_given_no_cells():
    config = config_of("ncsn_paper")
    config.condition.known = 0.5
    with pytest.raises(ValueError, match=r"it must be 0, not 0\.5"):
        from_config(config)


def test_windows_and_no_samples_are_choices():
    config = config_of()
    config.evaluation.update(length=64, samples=0)
    assert from_config(config).evaluation.length == 64


def test_the_papers_vocabulary_has_the_papers_sizes():
    # Hold, rest, the pitches of the range, and the code's token for padding.
    vocabulary = from_config(config_of("ncsn_paper")).data.vocabulary(articulation=True)
    assert vocabulary.sizes == (23, 25, 25, 32)


WARM = {"kind": "warm", "temperature": 1.0, "top_k": 0, "top_p": 1.0, "guidance": 1.0}


@pytest.mark.parametrize("name, changes, message", [
    ("ncsn", {"loss": None}, "config lacks the field loss; see configs/base.py"),
    ("lstm", {"noise": {**config_of().noise}}, "config has a section noise, which only score"),
    ("lstm", {"condition": {"known": 0.3, "allowed": 0.0, "drop": 0.0}},
     "condition.known is for networks of kind"),
    ("lstm", {"condition": {"known": 0.0, "allowed": 0.0, "drop": 0.2}},
     "hears no tracks to withhold"),
    ("lstm", {"condition": {"known": 0.0, "allowed": 0.2, "drop": 0.0}},
     "does not hear what is allowed: condition.allowed must be 0, not 0.2"),
    ("lstm", {"sampler": {**config_of().sampler}},
     "sampler.kind must be one of cold, warm for this network, not 'predictor_corrector'"),
    ("ncsn", {"sampler": WARM},
     "sampler.kind must be one of langevin, ancestral, .* for this network, not 'warm'"),
    ("gibbs", {"sampler": WARM},
     "sampler.kind must be one of blocked_gibbs, single_gibbs for this network, not 'warm'"),
    ("gibbs", {"condition": {"known": 0.3, "allowed": 0.0, "drop": 0.2}},
     "condition.known is for networks of ki"),
])
def test_sections_that_do_not_fit_the_network(name, changes, message):
    config = config_of(name).to_dict()
    with pytest.raises(ValueError, match=message):
        from_config({**config, **changes})
