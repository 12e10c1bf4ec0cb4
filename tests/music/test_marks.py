"""What files say of harmony, in MusicXML by hand, for music21 writes no figures."""

import pytest

from lmjax.music.importers import ImportingError, read_tune

HEAD = """<?xml version="1.0"?><score-partwise version="4.0"><part-list><score-part id="P1">
<part-name>Bass</part-name></score-part></part-list><part id="P1">"""
ATTRIBUTES = """<attributes><divisions>2</divisions><key><fifths>0</fifths></key>
<time><beats>4</beats><beat-type>4</beat-type></time></attributes>"""


def note(step, octave, duration):
    return (f"<note><pitch><step>{step}</step><octave>{octave}</octave></pitch>"
            f"<duration>{duration}</duration></note>")


def figures(*each, duration=""):
    """Figured bass of (prefix, number, suffix) each."""
    told = "".join(f"<figure><prefix>{prefix}</prefix><figure-number>{number}</figure-number>"
                   f"<suffix>{suffix}</suffix></figure>" for prefix, number, suffix in each)
    return f"<figured-bass>{told}{duration and f'<duration>{duration}</duration>'}</figured-bass>"


def symbol(step, kind, bass=""):
    return (f"<harmony><root><root-step>{step}</root-step></root><kind>{kind}</kind>"
            + (f"<bass><bass-step>{bass}</bass-step></bass>" if bass else "") + "</harmony>")


@pytest.fixture(scope="module")
def lead(tmp_path_factory):
    """Two bars of a bass with figures under it, and symbols over it."""
    path = tmp_path_factory.mktemp("lead") / "lead.musicxml"
    path.write_text(
        HEAD + f"<measure number='1'>{ATTRIBUTES}{symbol('C', 'major')}{note('C', 3, 2)}"
        f"{figures(('', '6', ''))}{symbol('G', 'dominant', 'B')}{note('B', 2, 2)}"
        f"{figures(('', '4', ''), duration=2)}{figures(('sharp', '', ''), duration=2)}"
        f"{note('E', 3, 4)}</measure>"
        f"<measure number='2'>{figures(('', '6', 'flat'), ('', '5', 'slash'))}"
        f"{symbol('F', 'minor-seventh')}{note('A', 2, 8)}</measure></part></score-partwise>")
    return path


def test_figures_stand_under_the_next_note_or_later_by_their_duration(lead):
    assert read_tune(lead).figures == ((4, "6"), (8, "4"), (12, "#"), (16, "b6 #5"))


def test_figures_that_are_broken(lead, tmp_path):
    path = tmp_path / "broken.musicxml"
    path.write_text(lead.read_text().replace("<duration>2</duration></figured-bass>",
                                             "<duration>two</duration></figured-bass>"))
    with pytest.raises(ImportingError, match=r"broken.musicxml has a figured bass that cannot be "
                                             r"read .*'two'.*; leave it out"):
        read_tune(path)


def test_symbols(lead):
    assert read_tune(lead).symbols == ((0, "C"), (4, "G7/B"), (16, "Fm7"))


def test_abc_has_symbols_and_no_figures(tmp_path):
    path = tmp_path / "lead.abc"
    path.write_text('X:1\nM:4/4\nL:1/4\nK:G\n"G"G A "D7/F#"B c | "N.C."d2 "Bb"d2 |]\n')
    tune = read_tune(path)
    assert tune.symbols == ((0, "G"), (8, "D7/F#"), (24, "B-")) and tune.figures == ()
