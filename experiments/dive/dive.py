"""A chorale coming out of the noise, as pictures: see README.md in this folder.

    python -m experiments.dive.dive --workdir=runs/ncsn
"""

import argparse
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.command import running
from lmjax.composer import Composer, load
from lmjax.files import make_folder
from lmjax.music.tokens import STRUCK
from lmjax.noise.condition import Condition
from lmjax.noise.denoiser import Denoised
from lmjax.render.dive import Dive, write_animation, write_strip
from lmjax.requests.form import Form
from lmjax.requests.request import Request
from lmjax.sampling import chain
from lmjax.sampling.settings import SamplerSettings
from lmjax.windowing import Notes

FORM = Form("4/4", 8, key=None)
SHOWN = 32  # sixteenths at the end


class Seen(NamedTuple):
    """What is kept of each row of the sampler's plan.

    Attributes:
      diagnostics: the usual.
      logits: float32[N, B, T, V, K], the tokens that the model expects.
    """

    diagnostics: chain.Diagnostics
    logits: jax.Array


def see(denoised: Denoised, *others: Any) -> Seen:
    """What is kept of one row; the arguments are those of `chain.diagnose`."""
    return Seen(chain.diagnose(denoised, *others), denoised.logits)


def run(composer: Composer, seed: int) -> Dive:
    """One chorale of eight bars by a composer's sampler, watched at every step.

    It comes out of the same noise as the first that `lmjax.compose` makes of
    `jax.random.key(seed)`.

    Raises:
      ValueError: if the composer's sampler knows no noise levels, or its tokens do not say what
        sounds in every cell.
    """
    how, vocabulary = composer.settings.sampler, composer.vocabulary
    if not isinstance(how, SamplerSettings) or vocabulary.encoding == "hold":
        raise ValueError("a dive is that of a score model whose tokens say what sounds in every "
                         "cell (data.encoding 'sounding'), and this model is another")
    model, sampler = composer.model, how.build()
    start, follow = map(jnp.asarray, vocabulary.legal())
    tracks = Notes(composer, Request.open(FORM.tracks())).piece.tracks

    @jax.jit
    def sample(params: Any, key: jax.Array) -> chain.Sample:
        centre = jnp.einsum("vk,vkd->d", composer.frequencies, model.table(params))
        return chain.sample(key[None], model.denoiser(params), sampler,
                            Condition.free(jnp.asarray(tracks[None])), centre, (start, follow),
                            how.start, see)

    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), 0), 0)
    drawn = sample(composer.params, key)
    seen = drawn.diagnostics
    chorale = FORM.chorale(*vocabulary.decode(np.asarray(drawn.tokens[0])),
                           title=f"Chorale {seed}.0")
    struck, held, lowest = pitches_of(composer, np.asarray(jax.nn.softmax(seen.logits[:, 0])))
    return Dive(struck, held, lowest, np.asarray(sampler.plan.start),
                np.asarray(seen.diagnostics.entropy[:, 0]),
                np.asarray(seen.diagnostics.score_norm[:, 0]), chorale)


def pitches_of(composer: Composer, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Probabilities float[N, T, V, K] of tokens as those of pitches from the lowest up, struck and
    held, float[N, T, V, P] each, and the lowest. What tells neither apart is held."""
    pitches, struck = composer.vocabulary.pitches, composer.vocabulary.parts[1] == STRUCK
    lowest = int(pitches[pitches >= 0].min())
    which = lowest + np.arange(pitches.max() - lowest + 1) == pitches[..., None]  # [V, K, P]
    return (*(np.einsum("ntvk,vkp->ntvp", tokens, which & chosen[..., None])
              for chosen in (struck, ~struck)), lowest)


def main(argv: Sequence[str] | None = None) -> None:
    """Draws one annealing run."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.dive.dive", description=main.__doc__)
    parser.add_argument("--workdir", help="the folder of a training; if not given, the shipped")
    parser.add_argument("--folder", default="runs/dive", help="where results go")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    with running():
        dive = run(load(options.workdir), options.seed)
        folder = make_folder(pathlib.Path(options.folder))
        start = len(FORM) - SHOWN
        write_strip(dive, folder / "strip.png", start)
        write_animation(dive, folder / "dive.gif", start)
        print(f"{len(dive.sigma)} steps in {folder / 'strip.png'} and {folder / 'dive.gif'}")


if __name__ == "__main__":
    main()
