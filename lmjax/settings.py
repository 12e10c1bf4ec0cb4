"""A config as one frozen record: typos and missing fields are errors at the start.

Configs are ml-collections ConfigDicts (see `configs/base.py` for every field); each section becomes
the settings of the module that uses it, whose dataclass says what the fields mean.
"""

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from typing import Any

from lmjax.music import rhythm
from lmjax.music.tokens import ENCODINGS, RANGES, Vocabulary
from lmjax.networks.causal import CausalSettings
from lmjax.networks.chained import ChainedSettings
from lmjax.networks.evidence import EvidenceSettings
from lmjax.networks.lstm import LSTMSettings
from lmjax.networks.masked import MaskedSettings
from lmjax.networks.score import EmbeddingSettings
from lmjax.networks.transformer import TransformerSettings
from lmjax.noise.schedule import SigmaDistribution
from lmjax.sampling import gibbs, sequential
from lmjax.sampling.gibbs import GibbsSettings
from lmjax.sampling.sequential import SequentialSettings
from lmjax.sampling.settings import SAMPLERS, SamplerSettings
from lmjax.training.conditions import ConditionSettings
from lmjax.training.optimizer import OptimizerSettings
from lmjax.training.step import LossSettings

NETWORKS = {"evidence": EvidenceSettings, "transformer": TransformerSettings,
            "masked": MaskedSettings, "lstm": LSTMSettings, "causal": CausalSettings,
            "chained": ChainedSettings}
SCORE_NETWORKS = EvidenceSettings, TransformerSettings
# By the kinds that each class knows.
SAMPLER_SETTINGS = {**dict.fromkeys(SAMPLERS, SamplerSettings),
                    **dict.fromkeys(gibbs.KINDS, GibbsSettings),
                    **dict.fromkeys(sequential.KINDS, SequentialSettings)}


class ConfigError(ValueError):
    """A config that lacks a field, has one too many, or a value of the wrong kind."""


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, not {value!r}")


def _positive(section: str, settings: Any, *names: str) -> None:
    for name in names:
        if getattr(settings, name) < 1:
            raise ValueError(f"{section}.{name} must be at least 1, not {getattr(settings, name)}")


@dataclasses.dataclass(frozen=True)
class DataSettings:
    """Which music, and how it becomes tokens.

    Attributes:
      source: "corpus", the chorales of the installed music21, or "jsb16", the JSB benchmark.
      path: the benchmark's file, for "jsb16".
      metres: the metres of the pieces to train on, such as ("4/4",); () for all.
      encoding: "sounding" or "hold".
      ranges: voice ranges of the vocabulary: "wide" or "paper".
      padding: whether the end of a short piece is filled with a token of its own.
      transpose: voice ranges inside which a piece is transposed in training; "" for not at all.
      keep_outside: whether pieces that fit those ranges in no transposition are trained on.
    """

    source: str = "corpus"
    path: str = ""
    metres: tuple[str, ...] = ()
    encoding: str = "sounding"
    ranges: str = "wide"
    padding: bool = False
    transpose: str = "paper"
    keep_outside: bool = True

    def __post_init__(self) -> None:
        _one_of("data.encoding", self.encoding, ENCODINGS)
        _one_of("data.ranges", self.ranges, tuple(RANGES))
        _one_of("data.transpose", self.transpose, ("", *RANGES))

    def vocabulary(self, articulation: bool) -> Vocabulary:
        """The vocabulary, for data that tells struck from held cells or not."""
        return Vocabulary(self.encoding, RANGES[self.ranges],
                          articulation or self.encoding == "hold", self.padding)


@dataclasses.dataclass(frozen=True)
class TrainingSettings:
    """How long, how much at a time, and what is kept.

    Attributes:
      steps: of the optimizer.
      batch_size: windows a step, over all devices.
      length: frames of a window.
      devices: the most local devices to use, 0 for any number; of those as many as divide the
        batch.
      evaluate_every: steps between validations.
      evaluate_windows: how many validation windows; a fixed choice.
      checkpoint_every: steps between checkpoints.
      init_from: the folder of a training of the same model, or "pretrained/NAME" for shipped
        weights, whose weights to begin with; empty for fresh ones.
    """

    steps: int = 12_000
    batch_size: int = 4
    length: int = 128
    devices: int = 0
    evaluate_every: int = 1_000
    evaluate_windows: int = 32
    checkpoint_every: int = 1_000
    init_from: str = ""

    def __post_init__(self) -> None:
        _positive("training", self, "steps", "batch_size", "length", "evaluate_every",
                  "evaluate_windows", "checkpoint_every")
        _whole_beats("training.length", self.length)
        if self.devices < 0:
            raise ValueError(f"training.devices must not be negative, but is {self.devices}")


FORMATS = ("musicxml", "mid", "png", "contours.png", "svg", "pdf", "score.png", "wav", "mp3")


@dataclasses.dataclass(frozen=True)
class ComposeSettings:
    """What `--mode=sample` composes, and in which files.

    Attributes:
      num: how many chorales.
      batch_size: how many at once; fewer of those that are longer than a window.
      window: the most sixteenths that the network reads at once; longer pieces are composed by
        windows that overlap by half.
      seed: of the noise.
      form: "given", all in the form that the next fields state (see `lmjax.Form`), each with a key
        and fermatas of its own where they state none, drawn from the prior that was fitted in
        training (see `lmjax.draw_forms`); "open", the same, but what is not stated is left to the
        network; or "prior", all of the form drawn.
      metre, bars, anacrusis, key: of the form; an empty key states none.
      length: sixteenths in all, in place of `bars`; 0 for whole bars.
      fermatas: (bar, beat) or (bar, beat, beats) of each; () states none.
      formats: of the files, any of "musicxml", "mid", "png" (a piano roll), "contours.png"
        (voices as lines), "svg", "pdf", "score.png" (engraved), "wav", "mp3". With none there is
        no report either.
    """

    num: int = 8
    batch_size: int = 16
    window: int = 512
    seed: int = 0
    form: str = "given"
    metre: str = "4/4"
    bars: int = 8
    anacrusis: int = 0
    key: str = ""
    length: int = 0
    fermatas: tuple[tuple[int, ...], ...] = ()
    formats: tuple[str, ...] = ("musicxml", "mid", "png")

    def __post_init__(self) -> None:
        _positive("compose", self, "num", "batch_size", "bars")
        _one_of("compose.form", self.form, ("given", "open", "prior"))
        _whole_beats("compose.window", self.window)
        if self.length:
            _whole_beats("compose.length", self.length)
        for suffix in self.formats:
            _one_of("compose.formats", suffix, FORMATS)

    @property
    def step(self) -> int:
        """Sixteenths from one window of a long piece to the next."""
        return half(self.window)


@dataclasses.dataclass(frozen=True)
class EvaluationSettings:
    """What `--mode=evaluate` measures.

    Attributes:
      split: of the data.
      metres: the metres of the pieces that are measured; () for all.
      ranges: "paper" or "wide" measures the pieces inside those voice ranges alone; "" all.
      length: frames of a window; 0 reads each piece whole.
      stride: new frames of a window; those before are given.
      draws: noise levels per window, stratified over log sigma.
      batch_size: windows at once.
      sigma_min, sigma_max: the ends of the bound's integral.
      tracks: conditioning tracks that are given; the others are withheld.
      samples: windows composed for the tables of counterpoint, grade and novelty, of pieces in
        forms of `metres` drawn from the prior; 0 for none.
      sample_length: their frames.
      wholes: whole chorales, in forms drawn from the prior, for the tables of cadences and of
        repetition; 0 for none.
    """

    split: str = "valid"
    metres: tuple[str, ...] = ()
    ranges: str = ""
    length: int = 0
    stride: int = 64
    draws: int = 16
    batch_size: int = 8
    sigma_min: float = 0.05
    sigma_max: float = 20.0
    tracks: tuple[str, ...] = ("position", "bar", "beat", "start", "end")
    samples: int = 64
    sample_length: int = 128
    wholes: int = 32

    def __post_init__(self) -> None:
        _one_of("evaluation.ranges", self.ranges, ("", *RANGES))
        _positive("evaluation", self, "stride", "draws", "batch_size")
        if self.length and self.stride > self.length:
            raise ValueError(f"evaluation.stride must not exceed evaluation.length, but "
                             f"{self.stride} > {self.length}")
        for name in ("samples", "wholes", "length"):
            if getattr(self, name) < 0:
                raise ValueError(f"evaluation.{name} must not be negative, "
                                 f"but is {getattr(self, name)}")
        if not 0 < self.sigma_min < self.sigma_max:
            raise ValueError(f"evaluation.sigma_max must exceed evaluation.sigma_min, and that 0; "
                             f"they are {self.sigma_max} and {self.sigma_min}")
        _whole_beats("evaluation.sample_length", self.sample_length)
        for track in self.tracks:
            _one_of("evaluation.tracks", track, rhythm.NAMES)


def half(window: int) -> int:
    """Half the sixteenths of a window, in whole beats where that leaves any."""
    return window // 2 // 4 * 4 or window // 2


def _whole_beats(name: str, frames: int) -> None:
    if frames < 4 or frames % 4:
        raise ValueError(f"{name} must be a positive multiple of 4 sixteenths (whole quarter-note "
                         f"beats), not {frames}")


@dataclasses.dataclass(frozen=True)
class Settings:
    """A whole config.

    Attributes:
      name: of the run; its folder is `runs/NAME` unless another is given.
      seed: of weights, batches and noise in training.
      data, embedding, ...: the sections; a model that is not a score model has no `embedding`,
        `noise` and `loss`.
    """

    name: str
    seed: int
    data: DataSettings
    embedding: EmbeddingSettings | None
    network: (EvidenceSettings | TransformerSettings | MaskedSettings | LSTMSettings
              | CausalSettings | ChainedSettings)
    noise: SigmaDistribution | None
    condition: ConditionSettings
    loss: LossSettings | None
    optimizer: OptimizerSettings
    training: TrainingSettings
    sampler: SamplerSettings | GibbsSettings | SequentialSettings
    compose: ComposeSettings
    evaluation: EvaluationSettings

    def __post_init__(self) -> None:
        if self.embedding:
            _positive("embedding", self.embedding, "width")
        _positive("network", self.network, *(
            field.name for field in dataclasses.fields(self.network)
            if field.type is int and field.name != "chords"))  # of which there may be none
        if not 0 <= self.network.dropout < 1:
            raise ValueError(f"network.dropout must be at least 0 and below 1, "
                             f"not {self.network.dropout}")
        if self.compose.form == "prior" and self.data.source == "jsb16":
            raise ValueError("compose.form='prior' draws forms such as the training's pieces have, "
                             "and the JSB benchmark states none; use compose.form='given'")
        self._check_family()

    @property
    def hears_form(self) -> bool:
        """Whether the network is told of metre, key and fermatas."""
        deaf = isinstance(self.network, LSTMSettings | CausalSettings)
        return not deaf and getattr(self.network, "tracks", True)

    def _check_family(self) -> None:
        """Raises ValueError where a section does not fit the network."""
        scored = type(self.network) in SCORE_NETWORKS
        for name in ("embedding", "noise", "loss"):
            if scored and getattr(self, name) is None:
                raise ConfigError(f"config lacks the field {name}; see configs/base.py")
            if not scored and getattr(self, name) is not None:
                raise ConfigError(f"config has a section {name}, which only score models have")
        kinds = (SAMPLERS if scored else gibbs.KINDS if isinstance(self.network, MaskedSettings)
                 else sequential.KINDS)
        if self.sampler.kind not in kinds:
            raise ValueError(f"sampler.kind must be one of {', '.join(kinds)} for this network, "
                             f"not {self.sampler.kind!r}")
        if type(self.network) is not EvidenceSettings and self.condition.known:
            raise ValueError(f"condition.known is for networks of kind 'evidence'; for this one it "
                             f"must be 0, not {self.condition.known}")
        if isinstance(self.network, LSTMSettings | CausalSettings) and self.condition.drop:
            raise ValueError(f"this network hears no tracks to withhold: condition.drop must be "
                             f"0, not {self.condition.drop}")
        if not isinstance(self.network, EvidenceSettings) and self.condition.allowed:
            raise ValueError(f"this network does not hear what is allowed: condition.allowed must "
                             f"be 0, not {self.condition.allowed}")


def from_config(config: Mapping[str, Any]) -> Settings:
    """The settings that a config states.

    Args:
      config: a ConfigDict, or the dictionary of one.

    Raises:
      ConfigError: naming the field that is unknown, missing or of the wrong type.
      ValueError: from a section whose values cannot be.
    """
    plain = config.to_dict() if hasattr(config, "to_dict") else dict(config)
    return _freeze(Settings, plain, "config")


def to_config(settings: Settings) -> dict[str, Any]:
    """The dictionary from which `from_config` makes the same settings."""
    config = dataclasses.asdict(settings)
    config["network"]["kind"] = next(
        kind for kind, cls in NETWORKS.items() if cls is type(settings.network))
    return config


def _freeze(cls: Any, section: Mapping[str, Any], path: str) -> Any:
    section = dict(section)
    fields = {field.name: typing.get_type_hints(cls)[field.name]
              for field in dataclasses.fields(cls)}
    for name in section:
        if name not in fields:
            near = difflib.get_close_matches(name, fields, 1)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(fields)}"
            raise ConfigError(f"{path} has no field {name}; {hint}")
    for name, kind in fields.items():
        if name not in section and types.NoneType not in typing.get_args(kind):
            raise ConfigError(f"{path} lacks the field {name}; see configs/base.py")
    return cls(**{name: _value(kind, section.get(name), f"{path}.{name}")
                  for name, kind in fields.items()})


def _value(kind: Any, value: Any, path: str) -> Any:
    """A field's value, checked against its annotation."""
    if isinstance(kind, types.UnionType):
        if types.NoneType in (choices := typing.get_args(kind)):
            return None if value is None else _value(choices[0], value, path)
        # A network, or a sampler, told apart by its kind.
        section = _section(value, path)
        kinds = NETWORKS if EvidenceSettings in choices else SAMPLER_SETTINGS
        if (name := section.get("kind")) not in kinds:
            raise ConfigError(f"{path}.kind must be one of {', '.join(kinds)}, not {name!r}")
        if kinds is NETWORKS:
            del section["kind"]  # their classes know no other
        return _freeze(kinds[name], section, path)
    if dataclasses.is_dataclass(kind):
        return _freeze(kind, _section(value, path), path)
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, (list, tuple)):
            raise ConfigError(f"{path} must be a tuple, not {value!r}")
        return tuple(_value(typing.get_args(kind)[0], item, path) for item in value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ConfigError(f"{path} must be of type {kind.__name__}, not {value!r}")
    return value


def _section(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{path} must be a section of fields, not {value!r}")
    return dict(value)
