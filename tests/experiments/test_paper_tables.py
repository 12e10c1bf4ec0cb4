import json

import numpy as np
import pytest

from experiments.paper_tables import observations, paper_tables
from lmjax.music.chorale import Bar, Chorale


def chorale(pitch, struck=None):
    """Frames int[T, 4] of one bar; struck where the pitch changes."""
    pitch = np.asarray(pitch, np.int16)
    changed = np.diff(pitch, axis=0, prepend=np.int16(-1)) != 0
    struck = changed & (pitch != -1) if struck is None else struck
    return Chorale(pitch, struck, np.zeros(pitch.shape, bool), (Bar(0, 4, 4),))


def held(*chords, frames=4):
    return chorale(np.repeat(np.array(chords), frames, axis=0))


C, D, F, G7 = (72, 67, 64, 48), (69, 65, 62, 50), (69, 65, 60, 53), (71, 67, 65, 43)


def values(*chorales):
    table = observations.table(chorales)
    return {name: table[row.label][0] for name, row in observations.ROWS.items()}


def test_share_of_a_pentatonic_scale():
    assert values(held((72, 69, 67, 64)))["pentatonic"] == 100
    # C E G and A of C's pentatonic, and F, B of no scale with all of them.
    assert values(held((72, 69, 67, 64), (65, 71, 60, 60)))["pentatonic"] == 100 * 6 / 8


def test_longest_notes():
    found = values(chorale(np.repeat([[72, 67, 64, 48], [74, 67, 62, 50]], 6, axis=0)))
    assert (found["longest"], found["alto"]) == (12, 12)
    found = values(held(C, F, C))
    assert (found["longest"], found["alto"]) == (4, 4)
    assert values(held((72, -1, 64, 48)))["alto"] == 0


def test_onsets_off_the_beat():
    assert values(held(C, G7, C))["off_beat"] == 0
    assert values(held(C, F, frames=2))["off_beat"] == 100 * 4 / 8


def test_authentic_cadences():
    assert observations.cadences(held(C, D, G7, C).pitch) == [12]
    assert observations.cadences(held(G7, C, (*C[:3], 36)).pitch) == [4]  # an octave leap is none
    assert observations.cadences(held(F, C).pitch) == []  # plagal
    assert observations.cadences(held(G7, (72, 67, 64, 52)).pitch) == []  # no root in the bass
    assert observations.cadences(held(G7, C, D, frames=2).pitch) == []  # passing
    found = values(held(D, G7, C, D), held(C, D, G7, C))
    assert (found["cadences"], found["closing"]) == (1, 50)


@pytest.fixture
def folder(trained, tmp_path, data, monkeypatch):
    monkeypatch.setattr(paper_tables, "load_dataset", lambda *_: data)
    monkeypatch.setattr(paper_tables, "metre_pieces", lambda pieces, metres: pieces)
    monkeypatch.setattr(paper_tables, "FRAMES", 16)
    monkeypatch.setattr(paper_tables, "MEASURES", 2)
    return trained


def test_what_is_written(folder, tmp_path):
    text = paper_tables.reproduce({"one": str(folder), "the paper's": f"{folder}:levels=4"},
                                  tmp_path / "out", 2, progress=False)
    assert (tmp_path / "out" / "observations.md").read_text() == text + "\n"
    assert list(json.loads((tmp_path / "out" / "observations.json").read_text())) == [
        "one", "the paper's", "Bach (valid)"]
    for name in ("one", "the-papers"):
        assert (tmp_path / "out" / f"{name}.score.png").read_bytes().startswith(b"\x89PNG")


def test_mistakes(tmp_path, capsys):
    with pytest.raises(SystemExit):
        paper_tables.main(["--samples=0"])
    assert "--samples must be at least 1" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="nothing"):
        paper_tables.main([f"--cold_lstm={tmp_path / 'nothing'}"])
