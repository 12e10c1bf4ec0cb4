"""Rhythm and form as conditioning tracks: what is known of a frame besides its notes."""

from collections.abc import Sequence

import numpy as np

from lmjax.music.chorale import FRAMES_PER_QUARTER, REST, Bar, Chorale

# The tracks and how many values each takes. 0 is "not known" in every track.
LONGEST_BAR = 48  # sixteenths, three whole notes
FARTHEST = 62  # frames from the start or the end that are still told apart
TRACKS = {
    "position": 2 + LONGEST_BAR,  # 1 + sixteenths since the bar line
    "bar": 2 + LONGEST_BAR,  # 1 + sixteenths in a full bar
    "beat": 1 + FRAMES_PER_QUARTER,  # 1 + sixteenths since the quarter-note beat
    "fermata": 3,  # 1 + whether a note under a fermata sounds
    "start": 2 + FARTHEST,  # 1 + frames since the start of the piece
    "end": 2 + FARTHEST,  # 1 + frames until the end of the piece
    "key": 13,  # 1 + pitch class of the major key with this signature
    "mode": 3,  # 1 major, 2 minor
}
NAMES = tuple(TRACKS)
SIZES = tuple(TRACKS.values())
MODES = {"": 0, "major": 1, "minor": 2}

POSITION, BAR, BEAT, FERMATA, START, END, KEY, MODE = range(len(TRACKS))


def key_index(sharps: int) -> int:
    """The value of the key track: 1 + pitch class of the major tonic of a signature."""
    return 1 + (7 * sharps) % 12


def tracks(frames: int, bars: Sequence[Bar] = (), sharps: int | None = None, mode: str = "",
           fermata: np.ndarray | None = None) -> np.ndarray:
    """The tracks of a whole piece, int32[T, C].

    Args:
      frames: T.
      bars: the bars, or none where the metre is not known; the piece then starts on a beat.
      sharps: sharps of the key signature, None if not known.
      mode: "major", "minor" or "".
      fermata: bool[T], the frames in which a note under a fermata sounds, None if not known.
    """
    out = np.zeros((frames, len(TRACKS)), np.int32)
    time = np.arange(frames)
    out[:, BEAT] = 1 + time % FRAMES_PER_QUARTER
    ends = [*(bar.start for bar in bars[1:]), frames]
    for bar, end in zip(bars, ends[:len(bars)], strict=True):
        position = np.arange(end - bar.start) + bar.offset
        here = slice(bar.start, end)
        out[here, POSITION] = 1 + np.minimum(position, LONGEST_BAR)
        out[here, BAR] = 1 + min(bar.length, LONGEST_BAR)
        out[here, BEAT] = 1 + position % FRAMES_PER_QUARTER
    if fermata is not None:
        out[:, FERMATA] = 1 + fermata
    out[:, START] = 1 + np.minimum(time, FARTHEST)
    out[:, END] = 1 + np.minimum(frames - 1 - time, FARTHEST)
    if sharps is not None:
        out[:, KEY] = key_index(sharps)
    out[:, MODE] = MODES[mode]
    return out


def chorale_tracks(chorale: Chorale) -> np.ndarray:
    """All tracks of a chorale, int32[T, C]."""
    return tracks(len(chorale), chorale.bars, chorale.sharps, chorale.mode,
                  fermata_frames(chorale))


def fermata_frames(chorale: Chorale) -> np.ndarray:
    """bool[T]: the frames in which a note that bears a fermata sounds."""
    frames = np.zeros(len(chorale), bool)
    for voice in range(chorale.pitch.shape[1]):
        for start, end, pitch in chorale.notes(voice):
            if pitch != REST and chorale.fermata[start, voice]:
                frames[start:end] = True
    return frames


def crop(whole: np.ndarray, start: int, end: int) -> np.ndarray:
    """The tracks of a window: start and end of the piece are known only where they lie in it."""
    window = whole[start:end].copy()
    if start > 0:
        window[:, START] = 0
    if end < len(whole):
        window[:, END] = 0
    return window


def transpose(window: np.ndarray, semitones: int) -> np.ndarray:
    """The tracks of the same music, some semitones higher."""
    shifted = window.copy()
    key = window[:, KEY]
    shifted[:, KEY] = np.where(key > 0, 1 + (key - 1 + semitones) % 12, 0)
    return shifted
