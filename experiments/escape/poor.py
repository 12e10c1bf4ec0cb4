"""Poor chorales: some that single notes would mend, and some that they would not."""

from collections.abc import Sequence

import jax
import numpy as np

from experiments.quality_and_cost.cells import Cell, settings_of
from lmjax.composer import Composer
from lmjax.composing import draw
from lmjax.data.dataset import Piece
from lmjax.judge import bach_windows, notes_of
from lmjax.music.chorale import REST, Chorale
from lmjax.music.tokens import Vocabulary

FARTHEST = 6  # semitones that a voice is shifted
POOR = 8  # evaluations of the sampler whose samples are poor


def starts(composer: Composer, pieces: Sequence[Piece], tracks: np.ndarray, samples: int,
           seed: int) -> dict[str, list[Chorale]]:
    """Poor chorales by what is wrong with them, and the windows of Bach that two were made of."""
    bach = bach_windows(pieces, len(tracks), seed)[:samples]
    generator = np.random.default_rng(seed)
    hasty = composer.using(sampler=settings_of(
        Cell("ancestral", POOR), composer.settings.sampler))
    drawn = draw(hasty, jax.random.key(seed), len(bach), tracks)
    return {
        "Bach": bach,
        "a third of the cells wrong": [
            wrong_cells(one, composer.vocabulary, generator) for one in bach],
        "voices shifted": [shifted_voices(one, composer.vocabulary, generator) for one in bach],
        f"samples of {POOR} evaluations": [notes_of(*drawn.notes(n)) for n in range(len(bach))]}


def wrong_cells(chorale: Chorale, vocabulary: Vocabulary, generator: np.random.Generator,
                share: float = 1 / 3) -> Chorale:
    """A random share of the cells has a random pitch of the voice's range, each on its own."""
    low, high = np.array(vocabulary.ranges).T
    wrong = generator.random(chorale.pitch.shape) < share
    pitch = np.where(wrong, generator.integers(low, high + 1, chorale.pitch.shape), chorale.pitch)
    return _restruck(pitch, chorale.struck & ~wrong)


def shifted_voices(chorale: Chorale, vocabulary: Vocabulary,
                   generator: np.random.Generator) -> Chorale:
    """Every voice is in order, but a random interval too high or too low, inside its range."""
    pitch = chorale.pitch.copy()
    for voice, (low, high) in enumerate(vocabulary.ranges):
        sounding = pitch[:, voice] != REST
        notes = pitch[sounding, voice]
        allowed = [shift for shift in range(-FARTHEST, FARTHEST + 1) if shift and notes.size
                   and low <= notes.min() + shift and notes.max() + shift <= high]
        if allowed:
            pitch[sounding, voice] = notes + generator.choice(allowed)
    return _restruck(pitch, chorale.struck)


def _restruck(pitch: np.ndarray, struck: np.ndarray) -> Chorale:
    """Pitches int[T, 4] with re-attacks where there were some and wherever the pitch changes."""
    changed = np.concatenate([np.full((1, pitch.shape[1]), True), pitch[1:] != pitch[:-1]])
    return notes_of(pitch, (struck | changed) & (pitch != REST))
