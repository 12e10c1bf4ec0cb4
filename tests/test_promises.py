"""What is asked holds in every cell of every sampler, whatever a network thinks: here, nothing."""

import contextlib

import jax
import numpy as np
import pytest

from configs import gibbs, lstm, ncsn, transformer, transformer_paper
from lmjax.composer import untrained
from lmjax.composing import draw
from lmjax.music.chorale import VOICES
from lmjax.music.spelling import name_of
from lmjax.music.tokens import PAPER_RANGES, WIDE_RANGES
from lmjax.render.write import write
from lmjax.requests.asking import SCALES
from lmjax.requests.form import Form
from lmjax.requests.pins import AskingError
from lmjax.requests.roman import HarmonyError
from lmjax.requests.schema import asked
from lmjax.settings import from_config

CHORDS = ("I", "ii6", "IV", "V", "V7", "V65/V", "vi", "viio6", "I64")
WHITE = (0, 2, 4, 5, 7, 9, 11)
KEYS = ("G major", "D minor", "Bb major", "A minor")


def small(module, **sampler):
    """A config's model, made tiny, with a sampler of a few steps."""
    config = module.get_config()
    sizes = {"evidence": {"channels": 2, "frame_channels": 2, "pitch_channels": 2,
                          "cell_channels": 4, "local_width": 8, "layers": 1, "heads": 1,
                          "level_width": 8, "reach": 4, "offsets": 1, "chords": 2},
             "lstm": {"embedding": 4, "width": 8, "layers": 1},
             "causal": {"embedding": 4, "layers": 1, "heads": 2, "feedforward": 8},
             "chained": {"width": 8, "layers": 1, "heads": 1}}
    kind = config.network.kind
    sizes = sizes["evidence" if kind == "masked" else kind]
    config.network.update({name: value for name, value in sizes.items() if name in config.network})
    config.sampler.update(sampler)
    config.compose.window = 40  # of four bars; its borders lie in the middle of bars and of halves
    return config


SAMPLERS = {
    **{kind: (ncsn, {"kind": kind, "levels": 3, "steps": 2}) for kind in (
        "predictor_corrector", "langevin", "ancestral", "ode")},
    "consistent": (ncsn, {"kind": "consistent", "levels": 4, "eta": 0.95}),
    **{kind: (gibbs, {"kind": kind, "steps": 3}) for kind in ("blocked_gibbs", "single_gibbs")},
    "lstm": (lstm, {"kind": "warm"}), "transformer_paper": (transformer_paper, {"kind": "warm"}),
    "transformer": (transformer, {"kind": "warm"}), "cold": (transformer, {"kind": "cold"})}


@pytest.fixture(scope="module")
def composer():
    """A function from the name of a sampler to a composer that has never been trained."""
    made = {}

    def of(name):
        if name not in made:
            module, sampler = SAMPLERS[name]
            made[name] = untrained(from_config(small(module, **sampler)), articulation=True)
        return made[name]
    return of


def random_request(rng, ranges, folder):
    """Something that can be asked of four bars, by chance: none of whose notes is given, or those
    of a voice, or all but those of some voices in the two bars in the middle."""
    while True:
        key, kind = "C major", rng.choice(["form", "line", "figures", "rewrite"],
                                          p=[0.5, 0.3, 0.1, 0.1])
        if kind == "form":
            key = str(rng.choice(KEYS))
            fields = {"form": {"metre": "4/4", "bars": 4, "key": key}}
        elif kind == "rewrite":
            voices = rng.choice(VOICES, int(rng.integers(1, 4)), replace=False).tolist()
            write(four_parts(rng, ranges), folder / "piece.musicxml")
            fields = {"input": "piece.musicxml", "rewrite": {"bars": "2-3", "voices": voices}}
        else:
            voice = 3 if kind == "figures" else int(rng.integers(4))
            (folder / "line.abc").write_text(line(rng, *ranges[voice]))
            fields = {"input": "line.abc", "keep": [VOICES[voice]]}
        fields["fermatas"] = [[2, 3], [4, 3]]
        if rng.random() < 0.6:
            fields["shortest"] = str(rng.choice(["eighth", "quarter", "half"]))
        if kind == "figures":
            fields["figures"] = [{"bar": 2, "beat": int(rng.choice([1, 3])),
                                  "figures": str(rng.choice(["", "6", "7", "6 5"]))}]
        if kind != "rewrite" and rng.random() < 0.5:
            fields["ordered"] = True
        if kind in ("form", "line"):  # much else would contradict what is given
            fields |= random_demands(rng, key, ranges)
        with contextlib.suppress(AskingError, HarmonyError):  # it contradicts itself
            return asked(fields, ranges, folder).kept.request


def random_demands(rng, key, ranges):
    """Ranges, sets, chords, cadences and pins, each by chance."""
    fields = {}
    if rng.random() < 0.3:
        high, low = name_of(ranges[2][1] - 3), name_of(ranges[2][0] + 2)
        fields["ranges"] = {"tenor": f"{low}-{high}"}
    if rng.random() < 0.3:
        fields["scale"] = f"{key.split()[0]} {rng.choice(list(SCALES))}"
    if rng.random() < 0.4:
        fields["forbid"] = [{"pitches": ["rest", "C#"], "voices": ["alto"], "bars": "1-3"}]
    if rng.random() < 0.6:
        fields["chords"] = [{"bar": int(rng.integers(1, 4)), "beat": int(rng.integers(1, 4)),
                             "chord": str(rng.choice(CHORDS)),
                             "inversion": str(rng.choice(["any", "as written"])),
                             "beats": float(rng.choice([1, 2]))}]
        if rng.random() < 0.4:
            fields["chords"][0]["doubled"] = str(rng.choice(["root", "third"]))
    if rng.random() < 0.3:
        fields["undoubled"] = [{"pitches": ["leading note"], "bars": "2-4"}]
    if rng.random() < 0.4:
        fields["cadences"] = [{"bar": 4, "kind": str(rng.choice(["PAC", "half", "plagal"]))}]
    pins = fields["pins"] = []
    for _ in range(rng.integers(0, 4)):
        voice = int(rng.integers(4))
        pitch = int(rng.integers(ranges[voice][0], ranges[voice][1] + 1))
        pins.append({"voice": VOICES[voice], "bar": int(rng.integers(1, 5)),
                     "beat": int(rng.integers(1, 5)), "pitch": name_of(pitch)})
    return fields


def line(rng, low, high):
    """Four bars of a voice in C major, halves and quarters, as ABC."""
    white = [pitch for pitch in range(low, high + 1) if "CxDxEFxGxAxB"[pitch % 12] != "x"]
    bars = []
    for _ in range(4):
        notes = [("CxDxEFxGxAxB"[pitch % 12], pitch // 12 - 5)
                 for pitch in rng.choice(white, 3).tolist()]
        names = [step + ("'" * octave or "," * -octave) for step, octave in notes]
        bars.append("{}2 {} {}".format(*names))
    return f"X:1\nM:4/4\nL:1/4\nK:C\n{' | '.join(bars)} |]\n"


def four_parts(rng, ranges):
    """Four bars of four voices in C major, halves and quarters that know nothing of each other."""
    form = Form(bars=4, fermatas=())
    onsets = np.arange(len(form)) % 16 % 12 % 8 == 0  # on beats 1, 3 and 4
    pitch = np.stack([rng.choice([pitch for pitch in range(low, high + 1) if pitch % 12 in WHITE],
                                 onsets.sum()) for low, high in ranges], axis=1)
    return form.chorale(np.repeat(pitch, np.diff([*np.flatnonzero(onsets), len(form)]), axis=0),
                        np.repeat(onsets[:, None], len(VOICES), axis=1))


def check(composer, cells, seed, folder):
    rng = np.random.default_rng(seed)
    checked = 0
    while checked < cells:
        requests = [random_request(rng, composer.vocabulary.ranges, folder) for _ in range(8)]
        drawn = draw(composer, jax.random.key(seed + checked), len(requests), requests, 8)
        for n, request in enumerate(requests):
            broken = request.broken(*drawn.notes(n))
            assert not broken.any(), (n, np.argwhere(broken)[:5])
        checked += drawn.pitch.size


@pytest.mark.parametrize("name", [
    "predictor_corrector", "blocked_gibbs", "transformer_paper", "transformer"])
def test_what_is_asked_holds(composer, name, tmp_path):
    check(composer(name), 4_000, 0, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLERS)
def test_what_is_asked_holds_in_100_000_cells(composer, name, tmp_path):
    check(composer(name), 100_000, 1, tmp_path)


def test_the_paper_ranges_are_asked_within(tmp_path):
    """Random requests are of what voices can sing, also where they can sing less."""
    rng = np.random.default_rng(0)
    for ranges in (PAPER_RANGES, WIDE_RANGES):
        each = [random_request(rng, ranges, tmp_path) for _ in range(40)]
        assert {len(one) for one in each} == {64}
        given = [one.known.any() for one in each]
        related = [one.together is not None for one in each]
        assert any(a and b for a, b in zip(given, related, strict=True)) and not all(given)
