# ---
# jupyter:
#   accelerator: GPU
#   jupytext:
#     formats: ipynb,py:percent
#     notebook_metadata_filter: accelerator,-jupytext.text_representation
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Train a composer
#
# A score model learns to compose chorales, on a GPU if there is one (in Colab: *Runtime*, *Change
# runtime type*). Checkpoints go to a folder that outlives the machine. When the machine is taken
# away, run all cells again: the training goes on where it was.

# %% tags=["parameters"]
import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = ""  # the address to clone from, unless this notebook is opened inside a clone
CONFIG = "configs/ncsn.py"
# Any field of the config can be overridden. A folder's training stays with what it began with.
OVERRIDES = ["--config.training.batch_size=32", "--config.training.checkpoint_every=250",
             "--config.training.evaluate_every=250"]
NAME = "ncsn-colab"  # of the training's folder
BARS = 4  # of what is composed along the way
SECONDS = 20  # between two looks at it

here = Path.cwd()
clone = next((folder for folder in (here, *here.parents, here / "lmjax")
              if (folder / "lmjax" / "__init__.py").is_file()), None)
if clone is None:
    assert REPOSITORY, "put the address of the repository into REPOSITORY"
    subprocess.run(["git", "clone", "--quiet", REPOSITORY, "lmjax"], check=True)
    clone = here / "lmjax"
os.chdir(clone)
sys.path.insert(0, str(clone))
try:
    importlib.metadata.version("lmjax")
except importlib.metadata.PackageNotFoundError:
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "-e", ".[render]"], check=True)

# %% [markdown]
# ## A folder that stays
#
# In Colab, on your Google Drive; elsewhere, in `runs`.

# %%
try:
    from google.colab import drive
except ImportError:
    folder = Path("runs") / NAME
else:
    drive.mount("/content/drive")
    folder = Path("/content/drive/MyDrive/lmjax") / NAME
folder.mkdir(parents=True, exist_ok=True)
print(folder)

# %% [markdown]
# ## Train
#
# The training is a process of its own, so that this notebook stays free to look at it. The first
# time it reads the chorales, which takes a minute or two.

# %%
os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # two processes share the GPU's memory
training = globals().get("training")  # of this cell, if it has been run before
if training is None or training.poll() is not None:
    with open(folder / "log.txt", "w") as log:
        training = subprocess.Popen(
            [sys.executable, "-m", "lmjax.main", f"--config={CONFIG}", f"--workdir={folder}",
             *OVERRIDES], stdout=log, stderr=subprocess.STDOUT)

# %% [markdown]
# ## Watch, and listen
#
# The curves are drawn anew as the training goes, and whenever it has found better weights they
# compose a few bars. Stop this cell when you have seen enough: the training goes on, and the cell
# run again comes back to it.

# %%
import contextlib
import time

import jax
import matplotlib.pyplot as plt
from IPython.display import Markdown, display

import lmjax
from lmjax.training.checkpoints import BEST, CheckpointError, latest_step
from lmjax.training.writers import read_metrics


def curves():
    """The loss, the bound on held-out chorales, and how long it will take."""
    rows = read_metrics(folder)
    figure, panels = plt.subplots(1, 2, figsize=(9.6, 3.2), layout="constrained")
    for panel, name, colour, title in (
            (panels[0], "loss", "#0072B2", "training loss"),
            (panels[1], "valid", "#D55E00", "bound on held-out chorales, nats per frame")):
        some = [row for row in rows if name in row]
        panel.plot([row["step"] for row in some], [row[name] for row in some], "o-", ms=3,
                   color=colour)
        panel.set(title=title, xlabel="step")
        panel.grid(axis="y", color="#DDDDDD")
        panel.spines[["top", "right"]].set_visible(False)
    said = [line for line in (folder / "log.txt").read_text().splitlines() if "minutes" in line]
    figure.suptitle(said[-1] if said else "", fontsize=9)
    plt.close(figure)
    return figure


programs = {}  # compiled once, for all weights


def composed(step):
    """What the best weights so far compose."""
    composer = lmjax.load(folder)
    composer.programs.update(programs)
    chorale, = lmjax.compose(composer, jax.random.key(step),
                             form=lmjax.Form(bars=BARS, key="G major"))
    programs.update(composer.programs)
    return chorale


drawn = display(Markdown("The training begins."), display_id=True)
heard = display(Markdown("Nothing has been composed yet."), display_id=True)
latest, ended = None, False
while not ended:
    ended = training.poll() is not None
    if read_metrics(folder):
        drawn.update(curves())
    best = latest_step(folder, BEST)
    if best != latest:
        # The weights may be replaced by better ones while they are read; then the next time.
        with contextlib.suppress(CheckpointError):
            heard.update(composed(best))
            latest = best
    if not ended:
        time.sleep(SECONDS)
if training.returncode > 0:
    raise RuntimeError((folder / "log.txt").read_text()[-1000:])

# %% [markdown]
# ## Stop, and go on
#
# To stop the training, run `training.terminate()` in a cell of its own. It goes on from the last
# checkpoint when the cell under *Train* is run again, today or on another machine: all it needs is
# in the folder.
#
# ## Compose
#
# With the best weights of the training. Everything in `colab_compose.ipynb` works with them.

# %%
composer = lmjax.load(folder)
print(f"step {composer.about['step']:,}: {composer.about['valid']:.2f} nats per frame")
composer.programs.update(programs)
for seed in range(2):
    chorale, = lmjax.compose(composer, jax.random.key(seed),
                             form=lmjax.Form(bars=BARS, key="D minor"))
    display(chorale)
