"""The key of some notes, for notation that was not told it."""

import numpy as np

from lmjax.music.chorale import REST

# How much each scale degree is expected to sound (Krumhansl & Kessler 1982), from the tonic up.
MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)


def estimate_key(pitch: np.ndarray) -> tuple[int, str]:
    """The most fitting key signature: sharps (flats negative) and mode, for pitches int[T, V].

    The key whose profile correlates best with the time each pitch class sounds (Krumhansl 1990);
    of silence, C major.
    """
    counts = np.bincount(pitch[pitch != REST] % 12, minlength=12).astype(float)
    if not counts.any():
        return 0, "major"
    best = max(((np.corrcoef(np.roll(profile, tonic), counts)[0, 1], tonic, mode)
                for mode, profile in (("major", MAJOR), ("minor", MINOR))
                for tonic in range(12)), key=lambda found: found[0])
    tonic, mode = best[1], best[2]
    fifths = 7 * (tonic if mode == "major" else tonic + 3) % 12
    return (fifths if fifths <= 6 else fifths - 12), mode
