import dataclasses

import jax
import mido
import numpy as np
import pytest

import lmjax
from configs import smoke
from lmjax.music import corpus
from lmjax.requests.prior import fit, whole_forms
from lmjax.sample import form_of, forms_of, sample
from lmjax.settings import ComposeSettings
from lmjax.train import train

FAILS = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
"""


@pytest.fixture(scope="module")
def sampled(command, tiny, trained, tmp_path_factory):
    """A function that samples into a fresh copy of the composer, with options of `compose`."""
    def run(before="", **options):
        folder = tmp_path_factory.mktemp("sample")
        (folder / "best").symlink_to(trained / "best")
        ended = command(f"--config={tiny}", f"--workdir={folder}", "--mode=sample", *(
            f"--config.compose.{name}={value}" for name, value in options.items()), before=before)
        assert ended.code == 0, ended.err
        return folder / "samples" / f"seed-{options.get('seed', 0)}"

    return run


@pytest.fixture(scope="module")
def two(sampled):
    """Two chorales of 32 sixteenths, twice the window, in every format."""
    return sampled(key="G major", formats="('musicxml', 'mid', 'png')")


def arrays(folder):
    with np.load(folder / "samples.npz") as file:
        return dict(file)


def test_every_chorale_is_written_in_every_format(two):
    assert sorted(path.name for path in two.iterdir()) == [
        *(f"chorale-00{n}.{suffix}" for n in (0, 1) for suffix in ("mid", "musicxml", "png")),
        "report.html", "samples.npz", "sampling.png"]
    for path in two.glob("*.mid"):
        assert len(mido.MidiFile(path).tracks) >= 4
    for path in two.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")


def test_the_arrays_of_all_are_kept(two):
    found = arrays(two)
    assert {name: array.shape for name, array in found.items() if "diagnostics" not in name} == {
        "tokens": (2, 32, 4), "pitch": (2, 32, 4), "struck": (2, 32, 4), "frames": (2,),
        "seed": (2,), "index": (2,), "corrected": (2,), "frames_per_quarter": (2,)}
    assert found["frames_per_quarter"].tolist() == [4, 4]
    assert found["frames"].tolist() == [32, 32]
    assert found["seed"].tolist() == [0, 0] and found["index"].tolist() == [0, 1]
    names = ("score_norm", "step_norm", "entropy", "changed")
    for name in names:
        values = found[f"diagnostics_{name}"]
        assert values.shape[:2] == (2, 1) and np.isfinite(values).all()  # composed whole


def test_notation_says_the_same_notes(two):
    found = arrays(two)
    for number in range(2):
        chorale = corpus.read(two / f"chorale-00{number}.musicxml")
        np.testing.assert_array_equal(chorale.pitch, found["pitch"][number])
        np.testing.assert_array_equal(chorale.struck, found["struck"][number])
        assert (chorale.sharps, [bar.start for bar in chorale.bars]) == (1, [0, 16])


def test_midi_says_the_same_notes(two):
    pitch = arrays(two)["pitch"][0]
    notes = [message.note for track in mido.MidiFile(two / "chorale-000.mid").tracks
             for message in track if message.type == "note_on" and message.velocity]
    struck = arrays(two)["struck"][0]
    assert sorted(notes) == sorted(pitch[struck].tolist())


def test_the_same_seed_gives_the_same_files_and_another_other_ones(sampled, two):
    # `num` and `batch_size` differ: they change nothing of the first chorale.
    again, other = (sampled(key="G major", num=1, batch_size=1, seed=seed) for seed in (0, 1))
    assert (again / "chorale-000.mid").read_bytes() == (two / "chorale-000.mid").read_bytes()
    assert (other / "chorale-000.mid").read_bytes() != (two / "chorale-000.mid").read_bytes()
    for name, array in arrays(again).items():
        if "diagnostics" in name:
            np.testing.assert_allclose(array[0], arrays(two)[name][0], rtol=1e-4, atol=1e-5)
        else:
            np.testing.assert_array_equal(array[0], arrays(two)[name][0])


def test_the_same_command_gives_the_same_bytes(sampled, two):
    again = sampled(key="G major")
    for path in again.iterdir():
        if path.name != "report.html":  # it tells the command, in which the folder is another
            assert path.read_bytes() == (two / path.name).read_bytes()


def test_the_report_has_every_chorale_and_how_it_was_made(two):
    page = (two / "report.html").read_text()
    assert [page.count(f"name\">Chorale 0.{number}</h2>") for number in (0, 1, 2)] == [1, 1, 0]
    assert page.count("--mode=sample") == 2 and "<dt>seed</dt><dd>0</dd>" in page
    assert page.count("<audio") == 2 and page.count("<img") == 1


def test_without_the_extra_there_is_no_report(sampled, two):
    missing = sampled(before="import sys; sys.modules['verovio'] = None", key="G major")
    assert not (missing / "report.html").exists()
    assert (missing / "chorale-000.mid").read_bytes() == (two / "chorale-000.mid").read_bytes()


def test_no_format_is_arrays_alone(sampled):
    assert [path.name for path in sampled(formats="()").iterdir()] == ["samples.npz"]


@pytest.mark.parametrize("limit", [1000, 12_000])
def test_a_full_disk_leaves_nothing_half_written(
        command, tiny, trained, two, contents, tmp_path, limit):
    (tmp_path / "best").symlink_to(trained / "best")
    ended = command(f"--config={tiny}", f"--workdir={tmp_path}", "--mode=sample",
                    "--config.compose.formats=('mid', 'png')", "--config.compose.key=G major",
                    before=FAILS.format(limit=limit))
    assert ended.code == 1 and "Traceback" not in ended.err
    last = ended.err.splitlines()[-1]
    assert last.startswith(f"lmjax: {tmp_path}/samples/seed-0/")
    assert last.endswith("cannot be written (File too large); free some space or choose another "
                         "folder")
    found = contents(tmp_path / "samples" / "seed-0")
    assert all(content == (two / name).read_bytes() for name, content in found.items())


@pytest.mark.parametrize("settings, frames, key", [
    (ComposeSettings(bars=3), 48, None),
    (ComposeSettings(bars=3, metre="3/4", key="e minor"), 36, "e minor"),
    (ComposeSettings(length=20), 20, None),
    (ComposeSettings(bars=2, anacrusis=4), 32, None),
])
def test_the_form_that_a_config_asks_for(settings, frames, key):
    form = form_of(settings)
    assert (len(form), form.key, form.metre) == (frames, key, settings.metre)
    assert form.anacrusis == settings.anacrusis
    assert form.fermatas is None


@pytest.mark.parametrize("known, settings, fermatas, keys", [
    (True, ComposeSettings(num=8), True, 3), (True, ComposeSettings(num=8, key="G major"), True, 1),
    (True, ComposeSettings(num=8, form="open"), False, 1),
    (False, ComposeSettings(num=8), False, 1)])
def test_what_a_config_leaves_out_is_drawn_if_there_is_a_prior(
        trained, known, settings, fermatas, keys):
    forms = {"forms": lmjax.load().about["forms"] if known else None}
    composer = dataclasses.replace(lmjax.load(trained), about=forms)
    found = forms_of(settings, composer)
    assert {(form.metre, form.bars, form.fermatas is not None) for form in found} == {
        ("4/4", 8, fermatas)}
    assert len({form.key for form in found}) >= keys
    if keys == 1:
        assert {form.key for form in found} == {settings.key or None}


def test_the_fermatas_that_a_config_asks_for():
    given = ((1, 4), (2, 1, 3))
    for settings in (ComposeSettings(bars=2, fermatas=given),
                     ComposeSettings(length=28, fermatas=given)):
        assert form_of(settings).fermata_spans() == [(12, 16), (16, 28)]


def test_whole_chorales_in_forms_from_the_prior(corpus_data, tmp_path):
    """From the corpus to notation: the prior is fitted, travels with the weights, is drawn from."""
    config = smoke.get_config()
    config.network.update(channels=2, frame_channels=2, pitch_channels=2, cell_channels=4,
                          local_width=8, heads=1, level_width=8, reach=4, offsets=1)
    config.condition.allowed = 0.0  # what draws it takes long to compile
    config.training.update(steps=1, batch_size=2, length=64, evaluate_windows=2)
    config.sampler.update(kind="ancestral", levels=3)
    config.compose.update(form="prior", num=3, batch_size=3, formats=("musicxml",))
    composer = train(config, tmp_path, progress=False)
    known = whole_forms(piece.chorale for piece in corpus_data.split("train"))
    assert composer.about["forms"] == fit(known).to_json()
    folder = sample(config, tmp_path, progress=False)
    forms = lmjax.draw_forms(composer, jax.random.key(0), 3)
    assert len({len(form) for form in forms}) > 1
    assert arrays(folder)["frames"].tolist() == [len(form) for form in forms]
    for number, form in enumerate(forms):
        chorale = corpus.read(folder / f"chorale-00{number}.musicxml")
        assert (len(chorale), chorale.bars) == form.layout()
        assert (chorale.sharps, chorale.mode) == (form.sharps, form.mode)
        assert chorale.fermata.any()
