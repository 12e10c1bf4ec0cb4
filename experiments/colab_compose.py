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
# # Compose chorales
#
# New chorales from noise, four voices to your own tune, variations of what you like: run the cells
# from the top. On a CPU the first music takes a minute or two, nearly all of it to compile the
# network; on a GPU less. What is compiled once is quick from then on.

# %% tags=["parameters"]
import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = ""  # the address to clone from, unless this notebook is opened inside a clone
FOLDER = "runs/notebook"  # where files go
BARS = 8
EVALUATIONS = 96  # how often the network is asked for each: fewer are quicker, and worse

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

# %%
import jax
from IPython.display import display

import lmjax

composer = lmjax.load()
composer = composer.using(sampler=composer.settings.sampler.within(EVALUATIONS))

form = lmjax.Form(metre="4/4", bars=BARS, key="G major")
chorale, = lmjax.compose(composer, jax.random.key(0), form=form)
display(chorale)

# %% [markdown]
# Another key of randomness, `jax.random.key(1)`, makes another chorale, and `num=8` makes eight at
# once. There is more to a form: `metre="3/4"`, `key="f# minor"`, `anacrusis=4` (in sixteenths), and
# `fermatas=((4, 3), (8, 3, 2))`, on the chords on beat 3 of bars 4 and 8, the last two beats long.
# Fermatas that are not given are drawn.
# `lmjax.draw_forms(composer, jax.random.key(0), 4)` draws forms such as Bach's chorales have. What
# has another length or another number is compiled anew.
#
# Keep what you like. In Colab the files are behind the folder symbol on the left.

# %%
folder = Path(FOLDER)
folder.mkdir(parents=True, exist_ok=True)
for suffix in ("musicxml", "mid"):
    lmjax.write(chorale, folder / f"chorale.{suffix}")

# %% [markdown]
# ## Harmonise a tune
#
# Write it here in ABC notation, or upload a file (MusicXML, MIDI, ABC or Humdrum) and put its name
# in the place of `TUNE`. The tune stays as it is, note for note, and so do its key, metre, upbeat
# and length; the other three voices are composed.

# %%
TUNE = folder / "tune.abc"
TUNE.write_text("""X:1
T:Ode to Joy
M:4/4
L:1/4
K:D
F F G A | A G F E | D D E F | F3/2 E/2 E2 |
F F G A | A G F E | D D E F | E3/2 D/2 D2 |]
""")

tune = lmjax.keep(TUNE, voices=["soprano"])
harmonised, = lmjax.compose(composer, jax.random.key(0), condition=tune)
display(harmonised)

# %% [markdown]
# ### Ask for more
#
# Notes can be pinned or forbidden, chords given by Roman numerals or chord symbols, cadences
# placed; all fields are shown at the top of `lmjax/requests/schema.py`. What is asked holds in
# every cell, and what contradicts itself is told before anything is composed.

# %%
asked = lmjax.ask(
    composer, input=str(TUNE), keep=["soprano"], ordered=True,
    chords=[{"bar": 1, "beat": 1, "chord": "I"}, {"bar": 3, "beat": 1, "chord": "vi"}],
    cadences=[{"bar": 4, "beat": 3, "beats": 2, "kind": "half"},
              {"bar": 8, "beat": 3, "beats": 2, "kind": "perfect authentic"}])
harmonised, = lmjax.compose(composer, jax.random.key(0), condition=asked)
display(harmonised)

# %% [markdown]
# ## Vary
#
# Add noise to a piece and let it come back: `NEAR` is the noise level. At 0.3 hardly a note
# changes, at 2 most do. Any file of four voices will do in the place of the chorale from above.

# %%
from lmjax.answer import near_to
from lmjax.requests.schema import asked as read_request

NEAR = 0.7

request = read_request({"input": str(folder / "chorale.musicxml"), "near": NEAR},
                       composer.vocabulary.ranges)
varied, = lmjax.compose(near_to(composer, NEAR), jax.random.key(0), condition=request.kept)
display(varied)

# %% [markdown]
# ## From the command line
#
# All of this is also a command, which writes several answers as files, the best first:
#
#     !python -m lmjax.main --config=configs/ncsn.py --mode=harmonize --input=runs/notebook/tune.abc
#
# `--mode=rewrite` composes some bars of a piece anew, `continue` adds bars after it; the README has
# them all. Weights of your own, from `colab_train.ipynb`, are loaded by `lmjax.load(FOLDER)`.
