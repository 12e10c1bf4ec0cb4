"""Reading music21's corpus: known chorales checked by hand, scores typed in, rejections."""

import numpy as np
import pytest

from lmjax.music import corpus
from lmjax.music.chorale import REST, Bar
from lmjax.music.score import Rejection, place_bars


def path_of(name: str):
    return next(path for path in corpus.corpus_paths() if path.name == name)


def score_of(*parts: str, metre: str = "4/4"):
    """A score with one part for each text: notes such as "c'4", "r2", "c'4_" (fermata)."""
    from music21 import expressions, meter, note, stream

    score = stream.Score()
    for text in parts:
        part = stream.Part()
        if metre:
            part.append(meter.TimeSignature(metre))
        for word in text.split():
            name, _, length = word.partition(":")
            held = length.endswith("_")
            kind = note.Rest() if name == "r" else note.Note(name)
            kind.quarterLength = float(length.rstrip("_"))
            if held:
                kind.expressions.append(expressions.Fermata())
            part.append(kind)
        score.insert(0, part.makeMeasures() if metre else part)
    return score


BASS = ("a4:4", "f4:4", "c3:4")


def test_corpus_has_433_files():
    names = [path.name for path in corpus.corpus_paths()]
    assert len(names) == 433
    assert sum(name.endswith(".krn") for name in names) == 3


def test_bwv_66_6():
    chorale = corpus.read(path_of("bwv66.6.mxl"))
    assert (chorale.bwv, chorale.sharps, chorale.mode) == ("66.6", 3, "minor")
    assert len(chorale) == 144
    assert chorale.bars == (Bar(0, 4, 4, 12), *(Bar(4 + 16 * i, 4, 4) for i in range(9)))
    # Two eighths lead to a phrase of three quarters, the last under a fermata.
    assert chorale.notes(0)[:6] == [
        (0, 2, 73), (2, 4, 71), (4, 8, 69), (8, 12, 71), (12, 16, 73), (16, 20, 76)]
    assert np.flatnonzero(chorale.fermata[:, 0])[0] == 12


def test_bwv_269_is_split_by_its_repeat():
    chorale = corpus.read(path_of("bwv269.mxl"))
    assert chorale.title == "Aus meines Herzens Grunde"
    assert (chorale.sharps, chorale.mode) == (1, "major")
    assert chorale.bars[:2] == (Bar(0, 3, 4, 8), Bar(4, 3, 4))
    # Bar 7 ends after two quarters at the repeat sign; the third quarter is the next upbeat.
    assert chorale.bars[7:10] == (Bar(76, 3, 4), Bar(84, 3, 4, 8), Bar(88, 3, 4))


def test_tied_notes_are_struck_once():
    from music21 import tie

    score = score_of("c5:4 c5:2_ d5:2", "a4:8", "f4:8", "c3:8")
    first, second = list(score.parts[0].recurse().notes)[:2]
    first.tie, second.tie = tie.Tie("start"), tie.Tie("stop")
    chorale = corpus.chorale_of(score)
    assert chorale.notes(0) == [(0, 24, 72), (24, 32, 74)]
    assert np.argwhere(chorale.fermata).tolist() == [[0, 0]]  # moved to where the note is struck


def test_a_tie_that_nothing_precedes_is_a_new_note():
    from music21 import tie

    score = score_of("c5:2 d5:2", *BASS)
    list(score.parts[0].recurse().notes)[1].tie = tie.Tie("stop")
    assert np.flatnonzero(corpus.chorale_of(score).struck[:, 0]).tolist() == [0, 8]


def test_repeated_notes_and_rests():
    chorale = corpus.chorale_of(score_of("c5:1 c5:1 r:1 c5:1", *BASS))
    assert chorale.notes(0) == [(0, 4, 72), (4, 8, 72), (8, 12, REST), (12, 16, 72)]


def test_voices_stand_from_high_to_low():
    chorale = corpus.chorale_of(score_of("c3:4", "f4:4", "c5:4", "a4:4"))
    assert chorale.pitch[0].tolist() == [72, 69, 65, 48]


def test_metre_changes_are_kept():
    chorale = corpus.read(path_of("bwv362.mxl"))
    assert {bar[1:3] for bar in chorale.bars} == {(4, 4), (3, 4)}


@pytest.mark.parametrize(("edges", "bars"), [
    # an upbeat and a last bar that completes it
    ([0, 4, 20, 32], [(0, 12), (4, 0), (20, 0)]),
    # a bar split in two after three quarters, and one split after one
    ([0, 16, 28, 32, 48], [(0, 0), (16, 0), (28, 12), (32, 0)]),
    ([0, 16, 20, 32, 48], [(0, 0), (16, 0), (20, 4), (32, 0)]),
    # halves on both sides of a repeat sign
    ([0, 8, 24, 32, 40, 56], [(0, 8), (8, 0), (24, 0), (32, 8), (40, 0)]),
    # a lone short bar in the middle: an upbeat
    ([0, 16, 20, 36], [(0, 0), (16, 12), (20, 0)]),
    # a last bar that breaks off early
    ([0, 16, 32, 36], [(0, 0), (16, 0), (32, 0)]),
    # a last bar of two bars' length
    ([0, 16, 48], [(0, 0), (16, 0), (32, 0)]),
])
def test_where_bars_start(edges, bars):
    placed = place_bars(edges, [(4, 4)] * (len(edges) - 1))
    assert [(bar.start, bar.offset) for bar in placed] == bars


def test_the_order_of_parts():
    score = score_of(*BASS, "e4:4")
    # By height, highest first.
    assert corpus.chorale_of(score).pitch[0].tolist() == [69, 65, 64, 48]
    # By name, if the names are those of the voices.
    for part, name in zip(score.parts, ("Tenor", "Soprano", "Bass", "Alto"), strict=True):
        part.partName = name
    assert corpus.chorale_of(score).pitch[0].tolist() == [65, 64, 69, 48]


def test_rejects_thirty_seconds():
    with pytest.raises(Rejection, match="off-grid notes") as caught:
        corpus.chorale_of(score_of("c5:0.125 c5:0.125 c5:3.75", *BASS))
    assert caught.value.reason == "off-grid notes"


def test_rejects_other_numbers_of_parts():
    with pytest.raises(Rejection, match="parts: 3 parts"):
        corpus.chorale_of(score_of(*BASS))


def test_rejects_a_missing_metre():
    with pytest.raises(Rejection, match="missing metre"):
        corpus.chorale_of(score_of("c5:4", *BASS, metre=""))


def test_rejects_a_silent_part():
    with pytest.raises(Rejection, match="silent part"):
        corpus.chorale_of(score_of("r:4", *BASS))


def test_rejects_uneven_parts():
    with pytest.raises(Rejection, match="uneven parts"):
        corpus.chorale_of(score_of("c5:4", "a4:8", "f4:4", "c3:4"))


def test_rejects_chords():
    from music21 import chord

    score = score_of("c5:4", *BASS)
    measure = score.parts[0].getElementsByClass("Measure").first()
    measure.replace(measure.notes.first(), chord.Chord(["C5", "E5"], quarterLength=4))
    with pytest.raises(Rejection, match="chords in a part"):
        corpus.chorale_of(score)


def test_rejects_what_may_not_be_used():
    for name, reason in (("bwv277.krn", "unclear rights"),
                         ("riemenschneider001.rntxt", "not a score")):
        with pytest.raises(Rejection) as caught:
            corpus.read(path_of(name))
        assert caught.value.reason == reason
