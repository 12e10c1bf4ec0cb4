"""The rungs from the paper's configuration to ours, each one change, and what stands beside them.

Nothing here runs: `ladder.py` trains and judges them.
"""

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict

from configs import ncsn, ncsn_paper
from lmjax.composer import USES


@dataclasses.dataclass(frozen=True)
class Rung:
    """One change.

    Attributes:
      name: of the rung, and of the folder of its weights.
      why: what was wrong before it, in a sentence.
      changes: the fields that it sets, by their names with dots; or whole sections.
    """

    name: str
    why: str
    changes: Mapping[str, Any]

    def edit(self, config: ConfigDict) -> ConfigDict:
        """The config of this rung, from that of the rung before."""
        config = copy.deepcopy(config)
        config.name = self.name
        for name, value in self.changes.items():
            section, _, field = name.partition(".")
            if field:
                config[section][field] = value
            else:
                config[section] = copy.deepcopy(value)
        return config

    @property
    def trains(self) -> bool:
        """Whether it needs weights of its own: not if it changes only how a model is used."""
        return not self.changes or any(
            name.partition(".")[0] not in USES for name in self.changes)


def _ours(section: str, **other: Any) -> dict[str, ConfigDict]:
    """A section of `configs/ncsn.py`, but for some fields."""
    values = ncsn.get_config()[section]
    values.update(other)
    return {section: values}


# Each stands on the one before it. The last is `configs/ncsn.py`.
LADDER = (
    Rung("paper", "The model of the paper, with the choices of its code.", {}),
    Rung("sampler", "Chains begin in U(0, 1) though sigma_1 is 20, and take as many small steps "
         "where tokens are certain as where they are in doubt.",
         _ours("sampler", levels=20, steps=4, scheme="euler_maruyama", rate=0.2, guidance=1.0,
               guided_below=1.5)),
    Rung("padding", "The silence after the end of a piece is trained on like music.",
         {"data.padding": False}),
    Rung("batch", "Eight pieces a step make few steps in the same time.",
         {"training.batch_size": 2}),
    Rung("sigma", "A batch is all of one sigma, so each step follows the gradient of one level.",
         {"loss.sigma": "example"}),
    Rung("level", "The network is not told sigma, and sees states of size 20 and of size 0.2 "
         "through the same weights.", {"network.level": True}),
    Rung("logits", "A free vector as score need not point from the state to any music; a posterior "
         "mean of tokens must, and the likelihood of the noise in it is exact.",
         {"network.output": "logits"}),
    Rung("cross_entropy", "The squared error fixes the mean of a posterior alone, and is flat "
         "where a wrong token is held certain; cross-entropy fixes the posterior, and is steepest "
         "there.",
         {"loss.kind": "cross_entropy"}),
    Rung("noise", "Most of the levels lie where a token is certain or nothing is known of it.",
         {"noise.kind": "log_logistic"}),
    Rung("sounding", "Four of five cells are Hold, so the harmony of a frame is nowhere near the "
         "frame.", {"data.encoding": "sounding", "embedding.articulation": 0.5}),
    Rung("metre", "Nothing tells the network where the beat is.",
         {"network.tracks": True, "condition.drop": 0.2}),
    Rung("corpus", "Chorales in other metres, or outside narrow ranges, are not learned from.",
         {"data.metres": (), "data.ranges": "wide", "data.keep_outside": True}),
    Rung("average", "The weights of a single step are noisy.", {"optimizer.ema": 0.999}),
    Rung("network", "The network reads raw states at absolute places. Ours reads what they say of "
         "each token, and how far apart frames are.",
         _ours("network", smoothing=False, repeats=False, rounds=1, symmetry=False,
               pulse=False, pairs=False, chords=0, spacing=False)),
    Rung("windows", "A step that reads two whole pieces reads few of them.",
         {"training.batch_size": 4, "training.length": 128}),
    Rung("optimizer", "One learning rate from the first step to the last, however long a gradient.",
         _ours("optimizer", kind="adam", learning_rate=3e-3)),
    Rung("known", "Notes are seen through noise alone, so what fits a clean one is hardly learned.",
         {"condition.known": 0.3}),
    Rung("smoothing", "That neighbouring frames hold one note, and share its evidence, has to be "
         "discovered.", {"network.smoothing": True}),
    Rung("repeats", "A passage that comes again is denoised as if it had not been seen before.",
         {"network.repeats": True}),
    Rung("symmetry", "What is learned in one key is not known in another.",
         {"network.symmetry": True}),
    Rung("rounds", "Each voice is heard by itself before the transformer hears them together.",
         {"network.rounds": 3}),
    Rung("pairs", "That two voices move in parallel is a product of four notes, and no sum of them "
         "shows it.", {"network.pairs": True}),
    Rung("chords", "The harmony that voices agree on is nowhere stated, though each note follows "
         "from it.", {"network.chords": 8}),
    Rung("muon", "Adam follows what is common in the data first, and what is rare last.",
         {"optimizer.kind": "muon", "optimizer.learning_rate": 4e-3}),
    Rung("articulation", "Whether a note is struck anew is read off the state before its pitch is.",
         {"embedding.articulation": 0.15}),
    Rung("spacing", "Harmony is heard in pitch classes, and they do not show whether voices cross.",
         {"network.spacing": True}),
    Rung("pulse", "How lively a piece is can be told from all of it, and is looked for nearby.",
         {"network.pulse": True}),
    Rung("allowed", "What follows from it that tokens are forbidden has to be guessed.",
         {"condition.allowed": 0.2}),
    Rung("scheme", "Langevin steps of finite length leave a state hotter than the network is told.",
         {"sampler.scheme": "leimkuhler_matthews", "sampler.rate": 0.7}),
    Rung("guidance", "What the form asks for is heard in the noise, and not followed far enough.",
         {"sampler.guidance": 1.75, "sampler.levels": 12}),
    Rung("early_guidance", "Pieces end where the form was not followed yet, at high noise.",
         {"sampler.guided_below": 5.0, "sampler.levels": 13, "sampler.steps": 3}),
)

# The paper leaves open which embedding suits score matching. It is asked as soon as the network
# states token probabilities and is trained on them, for a learned embedding collapses before; and
# once more at `muon`, where harmony is learned.


def _embeddings(prefix: str, widths: Sequence[int]) -> tuple[Rung, ...]:
    return tuple(
        Rung(f"{prefix}{kind}_{width}", f"Tokens as {kind} unit vectors of width {width}.",
             {"embedding.kind": kind, "embedding.width": width})
        for kind in ("random", "learned") for width in widths)


EMBEDDINGS = _embeddings("", (4, 8, 16, 32))
OUR_EMBEDDINGS = _embeddings("ours_", (8, 32))

# The parts of the second rung, which only a good model can tell apart. All but the first ask the
# network as often as ours does.
CHAINS = (
    Rung("chain_paper", "Our weights, sampled as in the paper.",
         {"sampler": ncsn_paper.get_config().sampler}),
    Rung("chain_start", "Ours, but from U(0, 1).", {"sampler.start": "uniform"}),
    Rung("chain_ladder", "Ours, but on the paper's geometric ladder.",
         {"sampler.ladder": "geometric", "sampler.sigma_min": 0.05}),
    Rung("chain_langevin", "Annealed Langevin dynamics on our ladder, with our step size.",
         {"sampler.kind": "langevin", "sampler.levels": 19, "sampler.steps": 5}),
    Rung("chain_step", "The same with the paper's step size.",
         {"sampler.kind": "langevin", "sampler.levels": 19, "sampler.steps": 5,
          "sampler.rate": ncsn_paper.get_config().sampler.rate}),
    Rung("chain_reverse", "Reverse steps alone.",
         {"sampler.kind": "ancestral", "sampler.levels": 96}),
)

# The tables: title -> the rung that its first row is, if not the first of all, and its others.
TABLES: Mapping[str, tuple[str, tuple[Rung, ...]]] = {
    "The ladder": ("", LADDER),
    "Embeddings": ("cross_entropy", EMBEDDINGS),
    "Embeddings of ours": ("muon", OUR_EMBEDDINGS),
    "Chains": ("muon", CHAINS),
}


def _paths() -> dict[str, tuple[Rung, ...]]:
    """The rungs by which each rung is reached from the first, itself included."""
    paths = {rung.name: LADDER[:i + 1] for i, rung in enumerate(LADDER)}
    for base, rungs in TABLES.values():
        if base:
            paths.update({rung.name: (*paths[base], rung) for rung in rungs})
    return paths


PATHS = _paths()


def config_of(name: str, paper: ConfigDict | None = None) -> ConfigDict:
    """The config of a rung.

    Args:
      name: of the rung.
      paper: where the ladder stands; `configs/ncsn_paper.py` if not given.
    """
    config = ncsn_paper.get_config() if paper is None else paper
    for rung in PATHS[name]:
        config = rung.edit(config)
    return config


def weights_of(name: str) -> str:
    """The rung whose weights a rung uses: its own, or those of a rung before."""
    return [rung.name for rung in PATHS[name] if rung.trains][-1]
