from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from lmjax.render import curve
from lmjax.render.curve import write_bands, write_curve, write_levels, write_training


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The pictures that are written."""
    pictures: list[Figure] = []
    monkeypatch.setattr(curve, "write_png", lambda path, picture: pictures.append(picture))
    return pictures


def test_curve_is_a_png(tmp_path: Path) -> None:
    path = tmp_path / "loss.png"
    write_curve(path, {"train": ([0, 1, 2], [3.0, 2.0, 1.5]), "valid": ([2], [1.7])}, "step",
                "loss, nats per frame")
    assert path.read_bytes().startswith(b"\x89PNG")
    write_curve(path, {"bound": ([0.1, 1.0, 10.0], [0.0, 1.5, 0.1])}, "sigma", "nats",
                logarithmic=True)
    write_curve(path, {}, "step", "loss")
    assert [file.name for file in tmp_path.iterdir()] == ["loss.png"]


def test_bands_are_a_png(tmp_path: Path) -> None:
    """Also where a figure could not be measured, at one place or anywhere, or has no level."""
    path, nan = tmp_path / "bands.png", float("nan")
    panels = {"dissonant, %": {"ode": ([8, 16], [(2.0, 1.0, 3.0), (1.0, 0.5, 1.5)])},
              "fifths": {"langevin": ([8], [(nan, nan, nan)]), "ode": ([9], [(1.0, 1.0, 1.0)])},
              "octaves": {"langevin": ([8], [(nan, nan, nan)])}}
    write_bands(path, panels, {"dissonant, %": {"Bach": (0.5, 0.4, 0.6)}}, "evaluations")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [file.name for file in tmp_path.iterdir()] == ["bands.png"]
    with pytest.raises(ValueError, match="at least one panel"):
        write_bands(path, {}, {}, "evaluations")


ROWS = [{"step": 50, "loss": 8.0, "gradient_norm": 4.0},
        {"step": 100, "loss": 2.0, "gradient_norm": 1.0, "valid": 3.0, "sigma": [0.1, 1.0, 10.0],
         "density": [0.0, 1.5, 0.1]}]


def test_training_shows_losses_density_gradients_and_rates(drawn: list[Figure]) -> None:
    write_training("training.png", ROWS, [1e-3, 2e-3])
    losses, density, gradients, rate = drawn[0].axes
    assert [line.get_xydata().tolist() for line in losses.lines] == [
        [[50, 8], [100, 2]], [[100, 3]]]
    assert [line.get_xydata().tolist() for line in density.lines] == [
        [[0.1, 0], [1, 1.5], [10, 0.1]]]
    assert density.get_legend().get_texts()[0].get_text() == "step 100"
    assert gradients.lines[0].get_ydata().tolist() == [4, 1]
    assert rate.lines[0].get_ydata().tolist() == [1e-3, 2e-3]
    assert losses.get_yscale() == gradients.get_yscale() == density.get_xscale() == "log"


@pytest.mark.parametrize("rows", [[], ROWS[:1], [{**ROWS[0], "loss": -1.0}]])
def test_a_training_can_be_short(tmp_path: Path, rows: list[dict]) -> None:
    path = tmp_path / "training.png"
    write_training(path, rows, [1e-3] * len(rows))
    assert path.read_bytes().startswith(b"\x89PNG")


def test_levels_are_means_over_their_steps_and_medians_over_chorales(drawn: list[Figure]) -> None:
    sigma = np.array([10.0, 1.0, 1.0000001])
    entropy = np.array([[[3.0, 1.0, 2.0], [np.nan] * 3], [[3.0, 1.0, 0.0], [3.0, 2.0, 0.0]]])
    write_levels("levels.png", sigma, {"entropy": entropy, "drawn": entropy, "changed": entropy})
    entropies, changes = drawn[0].axes
    assert entropies.lines[0].get_xydata().tolist() == [[1, 1], [10, 3]]
    assert changes.lines[0].get_ydata().tolist() == [100, 300]
    left, right = entropies.get_xlim()
    assert left > 10 and right < 1


def test_levels_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    for diagnostics in ({"entropy": np.zeros((1, 1, 3))}, {"drawn": np.zeros((1, 1, 2))}):
        with pytest.raises(ValueError, match="2 steps"):
            write_levels(tmp_path / "levels.png", np.array([2.0, 1.0]), diagnostics)
