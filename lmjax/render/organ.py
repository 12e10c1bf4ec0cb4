"""A small organ: each key sounds the partials of its pipes, in a small room."""

import itertools

import numpy as np

from lmjax.music.chorale import REST, VOICES, Chorale
from lmjax.render.tempo import timing_of

RATE = 24_000  # samples a second
TAIL = 0.6  # seconds after the last note, in which the room falls silent

# Stops of 8', 4' and 2': the multiple of the key's pitch, and the levels of the pipe's harmonics.
STOPS = ((1, (1.0, 0.3, 0.3, 0.1, 0.1, 0.03, 0.03)), (2, (0.4, 0.12, 0.1, 0.04, 0.03)),
         (4, (0.12, 0.04)))
HIGHEST = 9_000  # Hz; partials above are left out
ATTACK, RELEASE = 0.03, 0.04  # seconds
GAP = 0.07  # seconds by which a note ends before it is repeated

# The room answers with noise that decays exponentially (Moorer 1979).
BEHIND = 0.012  # seconds until it begins
REVERBERATION = 0.7  # seconds in which it falls by 60 dB
ROOM = 0.5  # seconds of it that are kept
WET = 0.02  # its energy, of the direct sound's; with more of it some keys get lost in the room
BLOCK = 1 << 15  # samples of a Fourier transform


def play(chorale: Chorale, quarter_per_minute: float | None = None) -> np.ndarray:
    """Plays a chorale: float32[N], from its beginning to `TAIL` seconds after its end.

    A note that is held is as loud from attack to release; one that is followed by another on the
    same pitch ends a little early, so that the repetition is heard.

    Raises:
      ValueError: if the tempo is too slow or too fast.
    """
    timing = timing_of(chorale, quarter_per_minute)
    samples = np.zeros(round(float(timing.begins[-1]) * RATE) + round(TAIL * RATE), np.float32)
    rise, fall = _fade(ATTACK), _fade(RELEASE)[::-1]
    for voice in range(len(VOICES)):
        nothing = (len(chorale), len(chorale), REST)
        for note, following in itertools.pairwise([*chorale.notes(voice), nothing]):
            start, end, pitch = note
            if pitch == REST:
                continue
            begin, stop = float(timing.begins[start]), float(timing.ends[end - 1])
            if following[2] == pitch:
                stop = max(min(stop, timing.begins[end] - GAP), (begin + stop) / 2)
            first, last = round(begin * RATE), round(stop * RATE) + len(fall)
            sound = _pipes(pitch, first, last)
            sound[:len(rise)] *= rise
            sound[-len(fall):] *= fall
            samples[first:last] += sound
    _add_room(samples)
    return samples


def _fade(seconds: float) -> np.ndarray:
    """A rise from 0 to 1 without corners, float32[seconds * RATE]."""
    steps = round(seconds * RATE)
    return np.sin(np.pi / 2 * (np.arange(steps, dtype=np.float32) + 0.5) / steps) ** 2


def _pipes(pitch: int, first: int, last: int) -> np.ndarray:
    """The pipes of one key from sample `first` to `last` of the piece, float32[last - first].

    Where in its cycle a pipe is depends on the time in the piece alone: voices that meet on a
    pitch, or an octave apart, add up and never cancel each other.
    """
    frequency = 440 * 2 ** ((pitch - 69) / 12)
    cycles = frequency / RATE * np.arange(first, last) % 1
    angle = (2 * np.pi * cycles).astype(np.float32)
    sound = np.zeros_like(angle)
    for multiple, levels in STOPS:
        for harmonic, level in enumerate(levels, start=1):
            if multiple * harmonic * frequency < HIGHEST:
                sound += level * np.sin(multiple * harmonic * angle)
    return sound


def _add_room(samples: np.ndarray) -> None:
    """Adds to samples float32[N], in place, what the room answers."""
    seconds = np.arange(round(ROOM * RATE)) / RATE
    noise = np.random.default_rng(0).standard_normal(len(seconds))
    response = np.where(seconds < BEHIND, 0, noise * 10 ** (-3 * seconds / REVERBERATION))
    response *= np.sqrt(WET / np.sum(response ** 2))
    spectrum = np.fft.rfft(response, BLOCK)
    step = BLOCK - len(response)
    # From the end backwards, since the answer to a block is added to it and to the next.
    for start in reversed(range(0, len(samples), step)):
        block = np.fft.rfft(samples[start:start + step], BLOCK)
        answer = np.fft.irfft(block * spectrum, BLOCK)
        samples[start:start + BLOCK] += answer[:len(samples) - start]
