"""Windows of long pieces: what holds in one is not made impossible by the one before."""

from types import SimpleNamespace

import numpy as np

from lmjax.music.tokens import WIDE_RANGES, Vocabulary
from lmjax.noise.embed import NEVER
from lmjax.requests.schema import asked
from lmjax.windowing import Notes

TUNE = "X:1\nM:4/4\nL:1/4\nK:C\nV:1\nc e g2 |]\nV:2\nG, _B, C2 |]\n"


def test_notes_that_are_held_over_a_border_fit_what_is_asked_behind_it(tmp_path):
    """Alto and tenor may only move in halves, and C major's seventh chord is asked for on beat 2,
    behind the border, where E and B flat are given: so they have its C and G from beat 1 on, though
    there E and C are likelier."""
    (tmp_path / "tune.abc").write_text(TUNE)
    request = asked({"input": "tune.abc", "keep": ["soprano", "bass"], "shortest": "half",
                     "chords": [{"bar": 1, "beat": 2, "chord": "V7/IV", "inversion": "any"}]},
                    WIDE_RANGES, tmp_path).kept.request
    for encoding in ("sounding", "hold"):
        vocabulary = Vocabulary(encoding=encoding)
        notes = Notes(SimpleNamespace(vocabulary=vocabulary, settings=SimpleNamespace(
            data=SimpleNamespace(source="corpus"))), request)
        span = (0, 4, 0)
        may = notes.may(span, 4) & vocabulary.valid
        given = np.eye(vocabulary.size, dtype=bool)[notes.tokens[:4]]
        known = notes.given(span, 4)[..., None]
        logits = np.where(np.where(known, given, may), 0.0, NEVER)
        for voice, pitch in ((1, 64), (2, 60)):
            logits[:, voice] += 3.0 * (vocabulary.pitches[voice] == pitch)
        notes.add(span, notes.joined(span, logits), 0, {})
        assert sorted(notes.pitch[0, 1:3] % 12) == [0, 7], encoding
        assert (notes.pitch[:4, 1:3] == notes.pitch[0, 1:3]).all()
