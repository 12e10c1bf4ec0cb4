"""The key of some notes, for notation that was not told it."""

from typing import NamedTuple

import numpy as np

from lmjax.music.chorale import REST


class Profiles(NamedTuple):
    """How much each semitone from the tonic up is expected to sound in major and in minor."""

    major: tuple[float, ...]
    minor: tuple[float, ...]


# What listeners found fitting (Krumhansl & Kessler 1982).
KRUMHANSL = Profiles(
    (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17))
# What sounds in the Essen folk songs (Aarden 2003): music21's choice where it is asked for a key.
AARDEN = Profiles(
    (17.7661, 0.145624, 14.9265, 0.160186, 19.8049, 11.3587, 0.291248, 22.062, 0.145624, 8.15494,
     0.232998, 4.95122),
    (18.2648, 0.737619, 14.0499, 16.8599, 0.702494, 14.4362, 0.702494, 18.6161, 4.56621, 1.93186,
     7.37619, 1.75623))


def estimate_key(pitch: np.ndarray, profiles: Profiles = KRUMHANSL) -> tuple[int, str]:
    """The most fitting key signature: sharps (flats negative) and mode, for pitches int[T, V].

    The key whose profile correlates best with the time each pitch class sounds (Krumhansl 1990);
    of silence, C major.
    """
    counts = np.bincount(pitch[pitch != REST] % 12, minlength=12).astype(float)
    if not counts.any():
        return 0, "major"
    best = max(((np.corrcoef(np.roll(profile, tonic), counts)[0, 1], tonic, mode)
                for mode, profile in (("major", profiles.major), ("minor", profiles.minor))
                for tonic in range(12)), key=lambda found: found[0])
    tonic, mode = best[1], best[2]
    fifths = 7 * (tonic if mode == "major" else tonic + 3) % 12
    return (fifths if fifths <= 6 else fifths - 12), mode
