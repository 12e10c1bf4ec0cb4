"""The score model of Zhang & Sirohi, "Generative Modeling of Bach Chorales by Gradient Estimation".

Here to reproduce the paper's failure honestly, and to measure from. Where its text is silent or
its published code does otherwise, the field says which of the two it follows.
"""

import ml_collections

from configs import base


def get_config() -> ml_collections.ConfigDict:
    """The config of the paper's model."""
    config = base.get_config()
    config.name = "ncsn_paper"
    # Text: 4/4 pieces, each cell Hold, Rest or a pitch of the voice's range, one-hot; every
    # transposition inside the ranges, pieces outside them skipped.
    config.data.metres = ("4/4",)
    config.data.encoding = "hold"
    config.data.ranges = "paper"
    config.data.keep_outside = False
    # Code: the end of the shorter pieces of a batch is a token of its own and counts in the loss.
    config.data.padding = True
    # Text: five layers, width 128, eight heads, dropout 0.1, output divided by sigma. Code: the
    # feed-forward width is its library's default.
    config.network = ml_collections.ConfigDict({
        "kind": "transformer", "width": 128, "layers": 5, "heads": 8, "feedforward": 2048,
        "dropout": 0.1, "level": False, "tracks": False, "output": "score"})
    # Text: sigma from 20 to 0.05 in 20 geometric levels. Code: one level drawn per batch.
    config.noise.update(kind="discrete", sigma_max=20.0, sigma_min=0.05, levels=20)
    config.loss.update(kind="weighted_denoising", sigma="batch")
    config.condition.update(known=0.0, allowed=0.0, drop=0.0)
    # Text: Adam at 1e-3; no warm-up, decay, clipping or average of the weights.
    config.optimizer.update(kind="adam", learning_rate=1e-3, warmup=0, decay=0.0, b2=0.999,
                            weight_decay=0.0, clip=0.0, ema=0.0)
    # Code: eight whole pieces a batch. Here windows of 256 sixteenths, longer than most pieces.
    # The number of steps is ours: as long a training on a CPU as that of `configs/ncsn.py`.
    config.training.update(batch_size=8, length=256, steps=1_700, evaluate_every=100,
                           evaluate_windows=16, checkpoint_every=100)
    # Text: annealed Langevin with epsilon = 2e-5, 100 steps a level, a final denoising step. The
    # rate is epsilon / sigma_L^2. Code: the chain starts from U(0, 1).
    config.sampler.update(kind="langevin", ladder="geometric", sigma_max=20.0, sigma_min=0.05,
                          levels=20, steps=100, rate=2e-5 / 0.05**2,
                          scheme="euler_maruyama", guidance=1.0, start="uniform")
    # It knows no places beyond those it was trained on.
    config.compose.window = 256
    # Its network cannot be given earlier frames, so pieces are measured whole.
    # Its 2,001 evaluations take half a minute a sample on one core: fewer samples than ours.
    config.evaluation.update(length=0, metres=("4/4",), ranges="paper", samples=16,
                             wholes=0)
    return config
