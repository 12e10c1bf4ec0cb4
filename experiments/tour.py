# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     notebook_metadata_filter: -jupytext.text_representation
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # From noise to a chorale
#
# *Score-based modelling of discrete data, from two tokens to four voices.*
#
# A computer can write a chorale by starting from pure noise and walking uphill, again and again, in
# a direction that a network names. That direction is the **score**, $\nabla_x \log q(x)$. Langevin
# dynamics makes the walk, and the noise is what gives notes, which are discrete, a gradient at all.
#
# This notebook builds the whole thing. The first half works on toys so small that the exact answer
# is known, so that everything can be checked; the second puts the weights that travel with `lmjax`
# in the place of the exact answer. All pictures are made on the spot, in about three minutes on two
# CPU cores; nothing has to be downloaded but the package. Change the numbers and run it again: that
# is how to learn from it.
#
# You need to know what a softmax is, and what a Gaussian is.

# %% tags=["parameters"]
import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = ""  # the address to clone from, unless this notebook is opened inside a clone
SAMPLES = 2_000  # melodies that are composed to compare their statistics
EVALUATIONS = 96  # how often the real network is asked for a chorale
LEVELS = 32  # noise levels at which its likelihood is measured

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
import itertools
from functools import partial

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from IPython.display import display
from matplotlib.colors import LinearSegmentedColormap, to_rgb

import lmjax

# Colours that colour-blind readers tell apart (Okabe and Ito).
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#777777"
BETWEEN = LinearSegmentedColormap.from_list("between", [BLUE, "#E8E8E8", ORANGE])
plt.rcParams.update({
    "figure.facecolor": "white", "figure.constrained_layout.use": True, "figure.dpi": 100,
    "font.size": 9, "axes.titlesize": 9, "axes.spines.top": False, "axes.spines.right": False,
    "legend.frameon": False, "image.cmap": "Greys"})

# %% [markdown]
# ## 1. Why a score?
#
# We want to draw from a distribution $p(x) = \tilde p(x) / Z$ over things that are too many to
# count. The constant $Z$, a sum over all of them, is what makes this hard. The gradient of the
# logarithm does not contain it:
#
# $$\nabla_x \log p(x) = \nabla_x \log \tilde p(x) - \nabla_x \log Z = \nabla_x \log \tilde p(x).$$
#
# And it is enough to draw samples. Langevin dynamics,
#
# $$x \leftarrow x + \alpha\, \nabla_x \log p(x) + \sqrt{2\alpha}\, z, \qquad z \sim N(0, I),$$
#
# has $p$ as its stationary distribution as the step $\alpha$ goes to 0.
#
# Two things are missing. Notes are **discrete**: as vectors they are isolated points, and a set of
# points has no density and no gradient. And nobody tells us the score of real data: it has to be
# **learned** from examples. Noise solves both.
#
# ## 2. Two tokens in the plane
#
# The smallest discrete data set: one cell that holds one of two tokens, with probabilities 0.7 and
# 0.3. Each token is a corner of the plane, $e_1 = (1, 0)$ and $e_2 = (0, 1)$: a **one-hot** vector.
# Now add Gaussian noise, $x = e_k + \sigma z$. The density of $x$ is smooth,
#
# $$q_\sigma(x) = \sum_k \pi_k\, N(x;\, e_k,\, \sigma^2 I),$$
#
# and by Bayes' rule we know what a noisy point says about its token:
#
# $$p(k \mid x) = \mathrm{softmax}_k\Big( \underbrace{\log \pi_k}_{\text{prior}}
#   + \underbrace{(x \cdot e_k - \tfrac12 \|e_k\|^2) / \sigma^2}_{\text{likelihood of the noise}}
#   \Big).$$
#
# The expected clean point is $D(x) = \sum_k p(k \mid x)\, e_k$, and the score follows from it
# (Tweedie's formula):
#
# $$\boxed{\ \nabla_x \log q_\sigma(x) = \frac{D(x) - x}{\sigma^2}\ }$$
#
# *Denoising is the score.* Before we believe it, let JAX differentiate $\log q_\sigma$.

# %%
CORNERS = jnp.eye(2)
PRIOR = jnp.array([0.7, 0.3])


def evidence(x, sigma):
    """What the noise says of each token: its log-likelihood, less what is the same for both."""
    return (x @ CORNERS.T - 0.5) / jnp.square(sigma)


def posterior(x, sigma):
    """p(token | x)."""
    return jax.nn.softmax(jnp.log(PRIOR) + evidence(x, sigma))


def denoise(x, sigma):
    """The posterior mean D."""
    return posterior(x, sigma) @ CORNERS


def log_density(x, sigma):
    squares = jnp.square(x - CORNERS).sum(-1)
    return (jax.nn.logsumexp(jnp.log(PRIOR) - squares / (2 * sigma**2))
            - jnp.log(2 * jnp.pi * sigma**2))


points = jax.random.normal(jax.random.key(0), (1000, 2))
for sigma in (2.0, 0.5, 0.2):
    gradient = jax.vmap(jax.grad(log_density), (0, None))(points, sigma)
    score = (denoise(points, sigma) - points) / sigma**2
    print(f"sigma {sigma}: largest difference {jnp.abs(gradient - score).max():.1e}, "
          f"in scores of up to {jnp.abs(score).max():.1f}")

# %% [markdown]
# Now the same as a picture. Arrows go from $x$ towards $D(x)$; their colour is $p(\text{token} \mid
# x)$. With much noise all arrows point to one place, the mean of the two corners: nothing is
# decided. As the noise shrinks the plane splits along a line, and each side points to its own
# corner. **Between these two lies the noise level at which a token is decided.** The prior moves
# the border away from the likelier token.

# %%
figure, panels = plt.subplots(1, 3, figsize=(9.6, 3.4), sharey=True)
axis = jnp.linspace(-1, 2, 121)
grid = jnp.stack(jnp.meshgrid(axis, axis), axis=-1)
coarse = grid[4::8, 4::8].reshape(-1, 2)
for panel, sigma in zip(panels, (1.0, 0.5, 0.2), strict=True):
    density = jnp.exp(jax.vmap(jax.vmap(log_density, (0, None)), (0, None))(grid, sigma))
    panel.contourf(axis, axis, density / density.max(), levels=jnp.linspace(0.02, 1, 12),
                   cmap="Greys", alpha=0.6)
    way = 0.22 * (denoise(coarse, sigma) - coarse)
    panel.quiver(*coarse.T, *way.T, posterior(coarse, sigma)[:, 1], cmap=BETWEEN, clim=(0, 1),
                 angles="xy", scale_units="xy", scale=1, width=0.006)
    for corner, colour in zip(CORNERS, (BLUE, ORANGE), strict=True):
        panel.plot(*corner, "o", color=colour, ms=8, mec="white")
    panel.set(title=rf"$\sigma$ = {sigma}", xlabel="$x_1$", aspect="equal", xlim=(-1, 2),
              ylim=(-1, 2))
panels[0].set_ylabel("$x_2$")
display(figure)
plt.close(figure)

# %% [markdown]
# ## 3. Learning it from examples
#
# A network sees noisy points and is to state the score of their distribution, which nobody knows.
# **Denoising score matching** (Vincent 2011) needs only that we know the noise we added ourselves:
#
# $$\min_s\ E\, \big\| s(x, \sigma) + (x - e_k)/\sigma^2 \big\|^2
#   \qquad (x = e_k + \sigma z).$$
#
# A squared error is least for the conditional mean of its target, and the mean of
# $-(x - e_k)/\sigma^2$ given $x$ is $(D(x) - x)/\sigma^2$: the score. Weighted by $\sigma^2$ and
# written with a network that states probabilities, $D = \sum_k p_k e_k$, it becomes
# $\|D - e_k\|^2 / \sigma^2$. The **cross-entropy** $-\log p_k$ of the true token is least for the
# same $p(k \mid x)$, and for one-hot tokens either of them fixes it. So to learn the score of
# discrete data is to learn to guess a token from its noisy vector.
#
# Three students try, on fresh noise at all levels $\sigma$ from 0.05 to 5:
#
# 1. a small network, told $x$ and $\sigma$, with the squared error;
# 2. the same network with cross-entropy;
# 3. no network at all: **two numbers** $b_k$ in place of $\log \pi_k$, with the likelihood of the
#    noise added, which we know exactly and nobody needs to learn.

# %%
SIGMA_MIN, SIGMA_MAX = 0.05, 5.0


def noisy_tokens(key, size):
    """Tokens [N], noise levels [N, 1] and noisy points [N, 2]."""
    token_key, level_key, noise_key = jax.random.split(key, 3)
    tokens = jax.random.categorical(token_key, jnp.log(PRIOR), shape=(size,))
    sigma = jnp.exp(jax.random.uniform(level_key, (size, 1), minval=jnp.log(SIGMA_MIN),
                                       maxval=jnp.log(SIGMA_MAX)))
    return tokens, sigma, CORNERS[tokens] + sigma * jax.random.normal(noise_key, (size, 2))


def network(params, x, sigma):
    """Logits [N, 2] by a network of two hidden layers."""
    hidden = jnp.concatenate([x / jnp.sqrt(sigma**2 + 0.5), jnp.log(sigma)], axis=1)
    for weights, bias in params[:-1]:
        hidden = jax.nn.silu(hidden @ weights + bias)
    weights, bias = params[-1]
    return hidden @ weights + bias


def two_numbers(params, x, sigma):
    """Logits [N, 2] by a learned prior and the exact likelihood of the noise."""
    return params + evidence(x, sigma)


def squared_error(logits, tokens, sigma):
    error = (jax.nn.softmax(logits) @ CORNERS - CORNERS[tokens]) / sigma
    return jnp.square(error).sum(1).mean()


def cross_entropy(logits, tokens, sigma):
    return optax.softmax_cross_entropy_with_integer_labels(logits, tokens).mean()


def train(student, params, loss, steps=1500):
    """The parameters after some steps of Adam on 512 fresh points each."""
    optimizer = optax.adam(optax.cosine_decay_schedule(5e-3, steps))

    def step(carry, key):
        params, state = carry
        tokens, sigma, x = noisy_tokens(key, 512)
        gradient = jax.grad(lambda some: loss(student(some, x, sigma), tokens, sigma))(params)
        updates, state = optimizer.update(gradient, state)
        return (optax.apply_updates(params, updates), state), None

    keys = jax.random.split(jax.random.key(1), steps)
    (params, _), _ = jax.jit(lambda start: jax.lax.scan(step, start, keys))(
        (params, optimizer.init(params)))
    return params


sizes = (3, 64, 64, 2)
fresh = [(jax.random.normal(jax.random.key(i), (a, b)) / jnp.sqrt(a), jnp.zeros(b))
         for i, (a, b) in enumerate(itertools.pairwise(sizes))]
students = {
    "network, squared error": (network, train(network, fresh, squared_error)),
    "network, cross-entropy": (network, train(network, fresh, cross_entropy)),
    "two numbers, cross-entropy": (two_numbers, train(two_numbers, jnp.zeros(2), cross_entropy)),
}
print("the prior that the two numbers state:",
      jax.nn.softmax(students["two numbers, cross-entropy"][1]).round(3))

# %%
figure, (line, error) = plt.subplots(1, 2, figsize=(9.6, 3.2))
looks = ({"color": BLUE, "ls": "--"}, {"color": ORANGE, "ls": "-."}, {"color": GREEN, "ls": "-"})
way = jnp.linspace(0, 1, 201)[:, None]
across = (1 - way) * CORNERS[0] + way * CORNERS[1]
sigma = jnp.full((len(way), 1), 0.15)
line.plot(way, posterior(across, sigma)[:, 1], color="black", lw=4, alpha=0.25, label="exact")
levels = jnp.geomspace(SIGMA_MIN, SIGMA_MAX, 25)
tokens, _, _ = noisy_tokens(jax.random.key(2), 10_000)
z = jax.random.normal(jax.random.key(3), (10_000, 2))
for (name, (student, params)), look in zip(students.items(), looks, strict=True):
    line.plot(way, jax.nn.softmax(student(params, across, sigma))[:, 1], lw=1.6, label=name, **look)
    lost = []
    for level in levels:
        x = CORNERS[tokens] + level * z
        exact = posterior(x, level)
        stated = jax.nn.log_softmax(student(params, x, jnp.full((len(x), 1), level)))
        lost.append(jax.scipy.special.rel_entr(exact, jnp.exp(stated)).sum(1).mean())
    error.loglog(levels, jnp.clip(jnp.array(lost), 1e-7), lw=1.6, label=name, **look)
line.set(title=r"p(second token | x) on the way between the corners, $\sigma$ = 0.15",
         xlabel="share of the way")
line.legend(loc="lower right")
error.set(title="what the student loses against the exact posterior, nats (1e-7: rounding)",
          xlabel=r"$\sigma$")
error.xaxis.set_major_formatter("{x:g}")
display(figure)
plt.close(figure)


# %% [markdown]
# Both losses lead to the same function, and both networks come near to it. The third student is
# better at every level, by orders of magnitude where the token is in doubt, and found the prior.
# The noise is ours, so its likelihood is known to the last digit, and what is left to learn does
# not depend on $\sigma$ at all.
#
# **This is the shape of the real model.** Its logits are
# `what the network thinks of the other cells` + `exact evidence of the cell itself`.
#
# ## 4. A ladder, and a walk down
#
# Langevin dynamics at one small $\sigma$ never crosses from one corner to the other: there is
# nothing but emptiness between. At a large $\sigma$ it moves freely, but what it draws is noise. So
# start high and go down a **ladder** $\sigma_1 > \dots > \sigma_L$, with some steps at each level
# (Song & Ermon 2019). With a step in proportion to the noise, $\alpha = r \sigma^2$, a step is
#
# $$x \leftarrow x + r\,(D(x) - x) + \sqrt{2r}\,\sigma z$$
#
# and $r$ is the share of the way to the denoised point.

# %%
def anneal(key, x, sigmas, steps, rate):
    """Positions [L, N, 2] at the end of each level."""
    def step(x, scanned):
        key, sigma = scanned
        noise = jnp.sqrt(2 * rate) * sigma * jax.random.normal(key, x.shape)
        x = x + rate * (denoise(x, sigma) - x) + noise
        return x, x

    each = jnp.repeat(jnp.asarray(sigmas), steps)
    _, path = jax.lax.scan(step, x, (jax.random.split(key, len(each)), each))
    return path[steps - 1::steps]


def start(key, sigma, size=10_000):
    """Points [N, 2] of the noisiest level."""
    return PRIOR @ CORNERS + sigma * jax.random.normal(key, (size, 2))


sigmas = np.geomspace(3, 0.05, 24)
path = anneal(jax.random.key(5), start(jax.random.key(4), sigmas[0]), sigmas, 20, 0.1)
final = posterior(path[-1], sigmas[-1]).argmax(-1)

figure, panels = plt.subplots(1, 6, figsize=(12, 2.5))
shown = jnp.array([0, 6, 10, 13, 16, 23])
for panel, level in zip(panels, shown, strict=True):
    reach = 0.75 + 2.4 * sigmas[level]
    for token, colour in enumerate((BLUE, ORANGE)):
        some = path[level, :500][final[:500] == token]
        panel.plot(*some.T, ".", color=colour, ms=3, alpha=0.6)
    panel.plot(*CORNERS.T, "+", color="black", ms=9)
    panel.set(title=rf"$\sigma$ = {sigmas[level]:.2f}", aspect="equal", xticks=[], yticks=[],
              xlim=(0.5 - reach, 0.5 + reach), ylim=(0.5 - reach, 0.5 + reach))
figure.suptitle("500 points on their way down, in the colour of the corner where they will end",
                fontsize=9)
display(figure)
plt.close(figure)
print(f"share of the second token: {final.mean():.3f}, and it should be {PRIOR[1]:.3f}")


# %% [markdown]
# ## 5. How it fails
#
# The share came out right, or nearly so. It does not have to. There is one number to watch: the
# **spread** of the points when they arrive at a level, over what it should be there,
#
# $$\sqrt{\frac{\text{mean of } \|x - \bar e\|^2}{2\sigma^2 + \text{variance of the clean data}}}.$$
#
# The model believes that $x$ is noised by $\sigma$. If the points are further spread than that, it
# takes noise for evidence, and is too sure of it: shares come out too even. If they are too narrow,
# it hears no evidence, and all points follow the prior to the likelier token.

# %%
def euler(key, x, sigmas):
    """The same walk without noise: a step goes as far to D as sigma shrinks (an ODE)."""
    def step(x, scanned):
        here, there = scanned
        x = x + (1 - there / here) * (denoise(x, here) - x)
        return x, x

    sigmas = jnp.asarray(sigmas)
    _, path = jax.lax.scan(step, x, (sigmas[:-1], sigmas[1:]))
    return jnp.concatenate([x[None], path])


long, high = np.geomspace(3, 0.05, 24), np.geomspace(20, 0.05, 20)
key, normal = jax.random.key(6), partial(start, jax.random.key(7))
cube = jax.random.uniform(jax.random.key(8), (10_000, 2))
attempts = {
    "as above": (long, anneal(key, normal(3), long, 20, 0.1)),
    "4 levels": (long[[0, 8, 15, 23]], anneal(key, normal(3), long[[0, 8, 15, 23]], 20, 0.1)),
    "steps too small, r = 0.002": (long, anneal(key, normal(3), long, 20, 0.002)),
    "steps too large, r = 1.6": (long, anneal(key, normal(3), long, 20, 1.6)),
    "from U(0, 1), 100 steps a level, r = 0.008": (high, anneal(key, cube, high, 100, 0.008)),
    "from U(0, 1), by the ODE": (high, euler(key, cube, high)),
}
figure, (spread, share) = plt.subplots(1, 2, figsize=(9.6, 3.2), width_ratios=(3, 2))
variance = 1 - jnp.square(PRIOR).sum()
looks = zip((GREEN, BLUE, ORANGE, PURPLE, "black", GREY), "osD^vP", strict=True)
for place, ((ladder, path), (colour, marker)) in enumerate(
        zip(attempts.values(), looks, strict=True)):
    squares = jnp.square(path[:-1] - PRIOR @ CORNERS).sum(-1).mean(-1)
    spread.loglog(ladder[1:], jnp.sqrt(squares / (2 * ladder[1:]**2 + variance)), marker=marker,
                  ms=4, lw=1.2, color=colour)
    second = posterior(path[-1], ladder[-1]).argmax(-1).mean()
    share.barh(place, second, color=colour, height=0.4)
    share.plot(second, place, marker, color=colour, ms=7)
    share.text(second + 0.02, place, f"{second:.2f}", va="center")
spread.axhline(1, color="black", lw=0.7, ls=":")
spread.set(title="spread on arrival, over what it should be", xlabel=r"$\sigma$", xlim=(24, 0.04))
spread.xaxis.set_major_formatter("{x:g}")
spread.yaxis.set_major_formatter("{x:g}")
share.axvline(float(PRIOR[1]), color="black", lw=0.7, ls=":")
share.set(title="share of the second token, which should be 0.3", xlim=(0, 0.6))
share.set_yticks(range(len(attempts)), attempts)
share.invert_yaxis()
display(figure)
plt.close(figure)

# %% [markdown]
# - **Too few levels**: points arrive at each with the spread of the one before, and are decided by
#   noise before they have calmed down.
# - **Steps too small**: the points cannot follow the ladder down. After $n$ steps a share of
#   $(1-r)^n$ of the old spread is left.
# - **Steps too large**: a Langevin chain of finite step is too hot by itself. On Gaussian data of
#   variance $\tau^2$ its stationary variance is $(\sigma^2 + \tau^2) / (1 - r'/2)$ with $r' = r
#   \sigma^2 / (\sigma^2 + \tau^2)$: at $r = 1.6$ up to five times what it should be.
#   `lmjax.sampling.langevin` takes the mean of each step's noise and the last one's (Leimkuhler and
#   Matthews), which takes this error away and costs nothing.
# - **The wrong start.** Zhang & Sirohi's code for chorales starts from $U(0, 1)$ where $\sigma_1 =
#   20$: a whisper in place of a storm. Langevin steps forget their start, and theirs, 100 a level
#   of $r = 0.008$, do so just in time. The ODE, which has no noise to add, never does, and **all**
#   points end at the likelier token; in music, at the most frequent note.
#
# How many levels are enough depends on the dimension. Noise in $D$ dimensions lies in a shell of
# radius $\sigma\sqrt D$ whose thickness, about $\sigma/\sqrt2$, does not grow with $D$: those of
# neighbouring levels overlap only if their ratio is near 1. Song & Ermon (2020) ask for an overlap
# of one half:

# %%
from lmjax.noise.schedule import ncsnv2_levels, ncsnv2_ratio

for name, dimension in (("one cell of 8 notes", 8), ("a melody of 16 such cells", 128),
                        ("8 bars in four voices, about", 128 * 120)):
    print(f"{name:30} D = {dimension:6,}: ratio {ncsnv2_ratio(dimension):.3f}, "
          f"{ncsnv2_levels(dimension, 20, 0.05):4} levels from 20 to 0.05")
print(f"the paper: 20 levels, ratio {(20 / 0.05) ** (1 / 19):.3f}")

# %% [markdown]
# (The rule is for Langevin steps alone. Samplers that take the noise away as they descend, such as
# the ones below, need far fewer levels: their predictor brings the points to the next shell.)
#
# ## 6. A likelihood, too
#
# How good is a model that states scores? The same quantity answers: the squared error of denoising,
# collected over all noise levels, is the entropy of the data (Guo, Shamai & Verdú 2005; Kingma et
# al. 2021):
#
# $$H = \int_0^\infty \frac{E\,\|e_k - D(e_k + \sigma z)\|^2}{\sigma^2}\; d\log\sigma
#   \quad\text{nats.}$$
#
# If $D$ is not the exact denoiser but that of some model, the integral is larger: the model's
# cross-entropy or, where its denoiser belongs to no distribution, a bound on it. So score models
# can be compared with any other, in nats, and the integrand shows *where* a model is ignorant.

# %%
ACROSS = jnp.array([1, -1]) / jnp.sqrt(2)  # noise that is orthogonal to this says nothing
NORMAL = jax.scipy.stats.norm.ppf((jnp.arange(20_000) + 0.5) / 20_000)  # z at equal quantiles


def integrand(prior, believed, sigma):
    """The squared error over sigma^2, for tokens from one prior, denoised by another."""
    clean = CORNERS[:, None]
    x = clean + sigma * NORMAL[:, None] * ACROSS  # [token, z, 2]
    mean = jax.nn.softmax(jnp.log(believed) + evidence(x, sigma)) @ CORNERS
    return prior @ jnp.square(clean - mean).sum(-1).mean(-1) / sigma**2


levels = jnp.geomspace(0.05, 50, 80)
figure, panel = plt.subplots(figsize=(9.6, 2.9))
for prior, believed, colour in (((0.5, 0.5), (0.5, 0.5), BLUE), ((0.7, 0.3), (0.7, 0.3), ORANGE),
                                ((0.95, 0.05), (0.95, 0.05), GREEN),
                                ((0.7, 0.3), (0.95, 0.05), GREY)):
    curve = jax.vmap(partial(integrand, jnp.array(prior), jnp.array(believed)))(levels)
    area = jax.scipy.integrate.trapezoid(curve, jnp.log(levels))
    known = -jnp.dot(jnp.array(prior), jnp.log(jnp.array(believed)))
    who = "" if prior == believed else f", model {believed}"
    panel.semilogx(levels, curve, color=colour, lw=1.6, ls="-" if prior == believed else "--",
                   label=f"prior {prior}{who}: area {area:.3f}, known {known:.3f}")
panel.set(title=r"nats per unit of log $\sigma$", xlabel=r"$\sigma$", ylim=(0, None))
panel.xaxis.set_major_formatter("{x:g}")
panel.legend()
display(figure)
plt.close(figure)

# %% [markdown]
# ## 7. Sixteen notes: a melody
#
# One cell has no music in it. Take 16 cells that hold one of eight notes each, *do* to *do'*, and a
# Markov chain that prefers steps to leaps. As before each note is a corner, now of an
# eight-dimensional space, and all cells are noised at once. The score needs the posterior mean of
# each cell **given all noisy cells**, and this needs only the marginals
#
# $$p(\text{note}_t \mid x_1, \dots, x_T)
#   \;\propto\; \underbrace{p(\text{note}_t \mid \text{the other cells})}_{\text{context}}
#   \times \underbrace{\exp\big((x_t \cdot e - \tfrac12)/\sigma^2\big)}_{\text{own evidence}}.$$
#
# For a Markov chain the forward-backward algorithm computes them exactly, in ten lines. For a
# chorale nothing can, and a network will state the context. To everything else the two look alike,
# so from here on we use `lmjax`'s own samplers: to them a model is any function from a noisy state
# `float32[B, T, D]`, its noise levels `float32[B]` and a condition to a posterior.

# %%
from lmjax.noise.condition import Condition
from lmjax.noise.denoiser import from_logits
from lmjax.noise.embed import NEVER, forbid, one_hot_table
from lmjax.noise.embed import evidence as token_evidence
from lmjax.sampling import chain
from lmjax.sampling.settings import SamplerSettings

NOTES = ("do", "re", "mi", "fa", "sol", "la", "ti", "do'")
K, T = len(NOTES), 16
distance = jnp.abs(jnp.arange(K)[:, None] - jnp.arange(K))
attraction = jnp.array([0.8, 0.0, 0.5, 0.0, 0.8, 0.0, -1.0, 0.5])
# [from, to]: the farther the rarer, and repetition rarer than a step.
STEP = jax.nn.log_softmax(jnp.where(distance == 0, -1.8, -1.2 * distance) + attraction)
START = jax.nn.log_softmax(jnp.array([0, NEVER, 0, NEVER, 0, NEVER, NEVER, NEVER]))


def marginals(log_start, log_step, log_evidence):
    """log p(state of each cell | all evidence), [T, states], by forward-backward."""
    def forward(before, own):
        after = jax.nn.logsumexp(before[:, None] + log_step, axis=0) + own
        return after, after

    def backward(after, own):
        before = jax.nn.logsumexp(log_step + own + after, axis=1)
        return before, before

    first, last = log_start + log_evidence[0], jnp.zeros_like(log_start)
    _, past = jax.lax.scan(forward, first, log_evidence[1:])
    _, future = jax.lax.scan(backward, last, log_evidence[1:], reverse=True)
    past, future = jnp.concatenate([first[None], past]), jnp.concatenate([future, last[None]])
    return jax.nn.log_softmax(past + future)


TABLE = one_hot_table((K,))  # [1 voice, K notes, K coordinates]


def exact(x, sigma, condition):
    """The exact posterior of every note, given all noisy notes and what is known."""
    own = forbid(token_evidence(TABLE, x, sigma), condition.possible(K))  # [B, T, 1, K]
    context = jax.vmap(partial(marginals, START, STEP))(own[:, :, 0])
    return from_logits(TABLE, context[:, :, None])


# What the chain says of a melody of which nothing is known: how often is each note, and each pair?
ALONE = jnp.exp(marginals(START, STEP, jnp.zeros((T, K))))
BIGRAMS = (ALONE[:-1, :, None] * jnp.exp(STEP)).mean(0)


def deaf(x, sigma, condition):
    """A model that knows how frequent each note is, and hears no other cell."""
    own = token_evidence(TABLE, x, sigma) + jnp.log(ALONE.mean(0))
    return from_logits(TABLE, forbid(own, condition.possible(K)))


def compose(model, condition, voices=1, **sampler):
    """Tokens [B, T, V] from noise, by the sampler that composes chorales."""
    everything = jnp.ones((voices, K), bool), jnp.ones((voices, K, K), bool)
    centre = jnp.tile(ALONE.mean(0), voices)
    plan = SamplerSettings(**sampler).build()
    keys = jax.random.split(jax.random.key(10), len(condition.frames))
    return jax.jit(lambda keys, given: chain.sample(
        keys, model, plan, given, centre, everything).tokens)(keys, condition)


# %%
def free(size, voices=1):
    """A condition that asks for nothing."""
    return Condition.free(jnp.zeros((size, T, 1), int), voices)


def bigrams(melodies):
    """How often each note follows each, [K, K], of melodies [N, T]."""
    pairs = jax.nn.one_hot(melodies, K)
    return jnp.einsum("nta,ntb->ab", pairs[:, :-1], pairs[:, 1:]) / melodies[:, 1:].size


def far(one, other):
    """Total variation in percent: how much of one distribution would have to be moved."""
    return 50 * float(jnp.abs(one - other).sum(-1).mean())


def walk(key):
    """A melody [T] drawn from the chain itself."""
    def step(note, key):
        note = jax.random.categorical(key, STEP[note])
        return note, note

    first = jax.random.categorical(key, START)
    _, others = jax.lax.scan(step, first, jax.random.split(key, T - 1))
    return jnp.append(first, others)


truly = jax.vmap(walk)(jax.random.split(jax.random.key(11), SAMPLES))
heard = compose(exact, free(SAMPLES))[:, :, 0]
unheard = compose(deaf, free(SAMPLES))[:, :, 0]

figure, panels = plt.subplots(1, 4, figsize=(12, 3.2), sharey=True)
for panel, table, title in (
        (panels[0], BIGRAMS, "the chain, exactly"),
        (panels[1], bigrams(truly), "drawn from the chain"),
        (panels[2], bigrams(heard), "from noise, exact posterior"),
        (panels[3], bigrams(unheard), "from noise, without context")):
    panel.imshow(jnp.sqrt(table), vmin=0, vmax=float(jnp.sqrt(BIGRAMS.max())))
    panel.set(title=f"{title}\n{far(table.ravel(), BIGRAMS.ravel()):.1f} % off", xlabel="to")
    panel.set_xticks(range(K), NOTES, fontsize=7)
    panel.set_yticks(range(K), NOTES, fontsize=7)
panels[0].set_ylabel("from")
display(figure)
plt.close(figure)


# %% [markdown]
# Two thousand melodies out of noise have the chain's statistics, almost as exactly as two thousand
# that the chain itself has drawn. The last panel is what happens without context: every note has
# the right frequency, and none knows its neighbours. **All of the music is in the context term.**
#
# And this is what an annealing run looks like: one melody, what the model thinks of each note at
# some of the steps. Nothing is written from left to right. What is clear early, such as the region
# of the scale, is decided early, at high noise; the rest later.

# %%
def film(model, plan, key):
    """What the model thinks at every step of a run, [N, T, K]: the sampler's own loop, watched."""
    given = free(1)
    start_key, noise_key = jax.random.split(key)
    x = chain.initial(start_key[None], T, ALONE.mean(0), plan.plan.start[0])

    def step(x, scanned):
        key, row = scanned
        x, denoised = plan.step(
            lambda state, sigma: model(state, jnp.full(1, sigma), given), key[None], x, row)
        return x, jax.nn.softmax(denoised.logits)[0, :, 0]

    rows = jax.random.split(noise_key, len(plan.plan.sigma)), plan.plan
    return jax.jit(lambda x: jax.lax.scan(step, x, rows)[1])(x)


plan = SamplerSettings().build()
frames = film(exact, plan, jax.random.key(14))
figure, panels = plt.subplots(1, 6, figsize=(12, 2.1), sharey=True)
for panel, step in zip(panels, (0, 30, 45, 55, 65, 94), strict=True):
    panel.imshow(frames[step].T, origin="lower", vmin=0, vmax=1, aspect="auto")
    panel.set(title=rf"step {step + 1}, $\sigma$ = {plan.plan.start[step]:.2f}", xticks=[])
panels[0].set_yticks(range(K), NOTES, fontsize=7)
display(figure)
plt.close(figure)

# %% [markdown]
# ## 8. Asking for something
#
# To *pin* a note is to allow only this one; to *forbid* one is to allow all others. One mask does
# both: add $-\infty$ to the logits of what is not allowed, at every noise level. Then it cannot
# occur.
#
# But masking only the answer is not conditioning. The mask must be known **inside** the model, for
# the other cells to hear of it. The exact posterior does this by itself, for the mask enters
# forward-backward as evidence. Let us ask for melodies that end on *ti* and never touch *fa*, and
# compare with a model that is held to the same mask and not told.

# %%
from lmjax.sampling.constraints import hold

FA, TI = NOTES.index("fa"), NOTES.index("ti")
known = jnp.zeros((SAMPLES, T, 1), bool).at[:, -1].set(True)
wish = free(SAMPLES)._replace(
    known=known, tokens=jnp.where(known, TI, 0),
    allowed=jnp.broadcast_to(jnp.arange(K) != FA, (SAMPLES, T, 1, K)))


def untold(x, sigma, condition):
    """The exact model of melodies of which nothing is asked."""
    return exact(x, sigma, free(len(x)))


told = compose(exact, wish)[:, :, 0]
held = compose(hold(untold, TABLE), wish)[:, :, 0]
should = jnp.exp(marginals(START, STEP, jnp.where(wish.possible(K)[0, :, 0], 0, NEVER)))

figure, panels = plt.subplots(1, 3, figsize=(12, 2.4), sharey=True)
for panel, share, title in (
        (panels[0], should, "exact"),
        (panels[1], jax.nn.one_hot(told, K).mean(0), "sampled, the model knows the wish"),
        (panels[2], jax.nn.one_hot(held, K).mean(0), "sampled, only the answer is masked")):
    panel.imshow(share.T, origin="lower", vmin=0, vmax=0.7, aspect="auto")
    panel.set(title=f"{title}: {far(share, should):.1f} % off", xlabel="cell")
panels[0].set_yticks(range(K), NOTES, fontsize=7)
display(figure)
plt.close(figure)
for name, melodies in (("told", told), ("held", held)):
    leaps = (jnp.abs(melodies[:, -1] - melodies[:, -2]) > 2).mean()
    print(f"{name}: {int((melodies == FA).sum())} times fa, {int((melodies[:, -1] != TI).sum())} "
          f"other ends, {100 * leaps:.0f} % leap into the last note")

# %% [markdown]
# Both keep the promise in every cell. But one walks to the last note, and the other stumbles upon
# it. This is why a network for chorales is *trained* with random masks of known notes: it has to
# hear what it is asked.
#
# ## 9. A second voice
#
# To harmonise is to condition: the melody is known, the bass is not. Take two voices, each a Markov
# chain, and a table of how well two notes sound together. The state of a frame is a pair of notes,
# one of 64, and forward-backward is what it was. The weights need not even be normalised: the score
# does not care about $Z$. At the end, listen to one: a `Chorale` displays itself. (Its inner voices
# are silent yet.)

# %%
degrees = jnp.arange(K)
apart = jnp.abs(degrees[:, None] - degrees)
# A bass may leap by fourths and fifths; it likes do, fa and sol.
BASS = (jnp.where(apart == 0, -2.0, jnp.where(apart >= 5, -2.5, -0.4 * apart))
        + jnp.array([1.0, 0.0, 0.0, 0.6, 1.0, 0.0, -1.0, 1.0]))
# How well a melody note sounds above a bass note, by the interval in scale steps.
FIT = jnp.array([0.5, -4.0, 1.5, -4.0, 1.0, 1.0, -4.0])[(degrees[:, None] - degrees) % 7]
PAIR_STEP = (STEP[:, None, :, None] + BASS[None, :, None, :] + FIT).reshape(K * K, K * K)
PAIR_START = (START[:, None] + jnp.where(degrees == 0, 0.0, NEVER) + FIT).ravel()
PAIR_TABLE = one_hot_table((K, K))


def duet(x, sigma, condition):
    """The exact posterior of every note of two voices."""
    own = forbid(token_evidence(PAIR_TABLE, x, sigma), condition.possible(K))  # [B, T, 2, K]
    pairs = (own[:, :, 0, :, None] + own[:, :, 1, None, :]).reshape(*own.shape[:2], K * K)
    log_p = jax.vmap(partial(marginals, PAIR_START, PAIR_STEP))(pairs)
    log_p = log_p.reshape(*own.shape[:2], K, K)
    return from_logits(PAIR_TABLE, jnp.stack(
        [jax.nn.logsumexp(log_p, axis=3), jax.nn.logsumexp(log_p, axis=2)], axis=2))


TUNE = ("do", "re", "mi", "do", "do", "re", "mi", "do",
        "mi", "fa", "sol", "sol", "mi", "fa", "sol", "sol")
melody = jnp.array([NOTES.index(note) for note in TUNE])
size = SAMPLES // 8
known = jnp.zeros((size, T, 2), bool).at[:, :, 0].set(True)
wish = free(size, voices=2)._replace(
    known=known, tokens=jnp.where(known, melody[:, None], 0))
basses = compose(duet, wish, voices=2)[:, :, 1]

given = jnp.where(wish.possible(K)[0], 0, NEVER)  # [T, 2, K]
pairs = marginals(PAIR_START, PAIR_STEP,
                  (given[:, 0, :, None] + given[:, 1, None, :]).reshape(T, K * K))
should = jnp.exp(pairs).reshape(T, K, K).sum(1)
figure, panels = plt.subplots(1, 2, figsize=(9.6, 2.5), sharey=True)
for panel, share, title in (
        (panels[0], should, "the bass, exactly"),
        (panels[1], jax.nn.one_hot(basses, K).mean(0), f"of {size} basses out of noise")):
    panel.imshow(share.T, origin="lower", vmin=0, vmax=1, aspect="auto")
    panel.set_title(f"{title}: {far(share, should):.1f} % off")
    panel.set_xticks(range(T), TUNE, fontsize=7)
panels[0].set_yticks(range(K), NOTES, fontsize=7)
display(figure)
plt.close(figure)

# %%
from lmjax.music.chorale import FRAMES_PER_QUARTER, REST, VOICES, Bar, Chorale

SCALE = np.array([0, 2, 4, 5, 7, 9, 11, 12])
DO = 65  # the F above middle C; the bass sings two octaves lower
quarters = np.full((T, 4), REST)
quarters[:, 0] = DO + SCALE[melody]
quarters[:, 3] = DO - 24 + SCALE[basses[0]]
pitch = np.repeat(quarters, FRAMES_PER_QUARTER, axis=0)
struck = (np.arange(len(pitch)) % FRAMES_PER_QUARTER == 0)[:, None] & (pitch != REST)
bars = tuple(Bar(start, 4, 4) for start in range(0, len(pitch), 16))
two_voices = Chorale(pitch, struck, np.zeros_like(struck), bars, -1, "major", "A tune and a bass")
display(two_voices)

# %% [markdown]
# ## 10. The real thing
#
# Now put a network in the place of forward-backward. A chorale is a grid of sixteenths and voices;
# a token says what sounds in a cell, and whether it is struck there or held over. These are the
# weights that travel with `lmjax`, trained on the chorales of music21's corpus.
#
# Take the beginning of a chorale that it has not been trained on, *Wie schön leuchtet der
# Morgenstern* (BWV 436), add noise, and ask what it thinks. The ink is the probability with which
# each voice sings a pitch. At $\sigma = 2$ it knows the key, the ranges of the voices and a few
# chords, the one under the fermata (at 28) first of all. At 1 most of the harmony stands; at 0.3
# one or two cells are in doubt, and at 0.1 the evidence settles everything.

# %%
from lmjax.data.dataset import piece_of
from lmjax.data.windows import cut
from lmjax.losses import likelihood
from lmjax.music.corpus import corpus_paths, read
from lmjax.noise.embed import coordinates, embed
from lmjax.noise.perturb import perturb
from lmjax.render.roll import COLOURS

FRAMES = 64
composer = lmjax.load()
vocabulary = composer.vocabulary
table = composer.model.table(composer.params)
print(f"{sum(leaf.size for leaf in jax.tree.leaves(composer.params)):,} parameters; tokens of the "
      f"four voices: {vocabulary.sizes}; coordinates of a frame: {table.shape[-1]}; states of a "
      f"frame, for which forward-backward would need a matrix: {np.prod(vocabulary.sizes):,}")
path, = (path for path in corpus_paths() if path.stem == "bwv436")
bach = cut(piece_of(read(path)), 0, FRAMES, vocabulary)
network_denoise = composer.model.denoiser(composer.params)


@jax.jit
def ask(tokens, tracks, sigmas, key):
    """What the network makes of music [T, V], noised at L levels; for each level the probabilities
    [L, T, V, K], and the integrand and the cross-entropy in nats, [L]."""
    clean = jnp.repeat(embed(table, tokens[None]), len(sigmas), axis=0)
    x, _ = perturb(key, clean, sigmas)
    condition = Condition.free(jnp.repeat(tracks[None], len(sigmas), axis=0))
    mean, logits = network_denoise(x, sigmas, condition)
    cells = jnp.ones((len(sigmas), *tokens.shape), bool)
    return (jax.nn.softmax(logits),
            likelihood.integrand(mean, clean, sigmas, coordinates(table, cells)),
            likelihood.cross_entropy(logits, jnp.broadcast_to(tokens, cells.shape), cells))


# Levels at even distances in log sigma, the middles of as many bins; and the last.
ENDS = 20.0, 0.05
edges = np.geomspace(*ENDS, LEVELS + 1)
sigmas = jnp.array([*np.sqrt(edges[1:] * edges[:-1]), ENDS[1]], jnp.float32)
probabilities, _, _ = ask(bach.tokens, bach.tracks, sigmas, jax.random.key(15))

rows = np.arange(vocabulary.ranges[3][0], vocabulary.ranges[0][1] + 1)
sounds = vocabulary.pitches[..., None] == rows  # [V, K, P]: which token sounds as which pitch
light_taken = 1 - np.array([to_rgb(colour) for colour in COLOURS])  # by each voice's ink, [V, 3]
figure, panels = plt.subplots(1, 4, figsize=(12, 3), sharey=True)
for panel, wanted in zip(panels, (2.0, 1.0, 0.3, 0.1), strict=True):
    level = int(jnp.abs(jnp.log(sigmas / wanted)).argmin())
    pitches = np.einsum("tvk,vkp->ptv", probabilities[level], sounds)
    # The root makes small probabilities show.
    paper = np.prod(1 - np.sqrt(pitches)[..., None] * light_taken, axis=2).clip(0, 1)
    panel.imshow(paper, origin="lower", aspect="auto", interpolation="nearest",
                 extent=(0, FRAMES, rows[0] - 0.5, rows[-1] + 0.5))
    panel.set(title=rf"$\sigma$ = {sigmas[level]:.2f}", xlabel="sixteenths")
panels[0].set_ylabel("MIDI pitch")
for name, colour in zip(VOICES, COLOURS, strict=True):
    panels[0].plot([], [], "s", color=colour, label=name)
figure.legend(loc="outside lower center", ncols=4)
display(figure)
plt.close(figure)

# %% [markdown]
# ### Compose, and harmonise
#
# First four bars from noise, by the sampler of section 7. (To compile the network takes a minute or
# less on a CPU, the music itself seconds.) Then the tune of section 9, for which a table of 64
# states found a bass. Nothing is compiled anew for it: a known note is data, not code.

# %%
quick = composer.using(sampler=composer.settings.sampler.within(EVALUATIONS))
form = lmjax.Form(metre="4/4", bars=4, key="F major", fermatas=((4, 3),))
chorale, = lmjax.compose(quick, jax.random.key(0), form=form)
display(chorale)

tune = lmjax.keep(two_voices, voices=["soprano"])
harmonised, = lmjax.compose(quick, jax.random.key(1), condition=tune)
display(harmonised)

# %% [markdown]
# ### Judge
#
# The integral of section 6, with two ends that a computer can reach:
#
# $$-\log p \;\le\; \int_{\sigma_{\min}}^{\sigma_{\max}} \frac{E\|x - D\|^2}{\sigma^2}\, d\log\sigma
#   \;+\; \frac{\|x - \mu\|^2}{2\sigma_{\max}^2}
#   \;+\; E\big[{-\log p(\text{tokens} \mid x \text{ at } \sigma_{\min})}\big].$$
#
# Here for Bach's opening, for what the network has just composed, and for Bach with the beats of
# each voice in random order: the same notes, as often, with no sense. One draw of noise a level
# makes it rough, so read it to a tenth.

# %%
centre = jnp.einsum("vk,vkd->d", composer.frequencies, table)


def nats(tokens, tracks):
    """The integrand [LEVELS] and the bound, both in nats per frame."""
    _, curve, surprise = ask(tokens, tracks, sigmas, jax.random.key(16))
    clean = embed(table, tokens[None])
    prior = likelihood.prior(clean, centre, ENDS[0], jnp.ones_like(clean, bool))[0]
    integral = curve[:-1].mean() * np.log(ENDS[0] / ENDS[1])
    return curve[:-1] / FRAMES, (integral + prior + surprise[-1]) / FRAMES


def shuffled(tokens, rng):
    """The beats of each voice in random order."""
    beats = np.asarray(tokens).reshape(-1, FRAMES_PER_QUARTER, 4)
    mixed = np.stack([rng.permutation(beats[..., voice]) for voice in range(4)], axis=-1)
    pitch, struck = vocabulary.decode(mixed.reshape(-1, 4))
    return vocabulary.encode(pitch, struck)


own = cut(piece_of(chorale), 0, FRAMES, vocabulary)
figure, panel = plt.subplots(figsize=(6.4, 2.9))
for name, tokens, tracks, colour in (
        ("Bach", bach.tokens, bach.tracks, BLUE), ("the network", own.tokens, own.tracks, ORANGE),
        ("Bach, shuffled", shuffled(bach.tokens, np.random.default_rng(0)), bach.tracks, GREY)):
    curve, bound = nats(tokens, tracks)
    panel.semilogx(sigmas[:-1], curve, color=colour, lw=1.6,
                   label=f"{name}: {bound:.1f} nats per frame")
panel.set(title=r"nats per frame and unit of log $\sigma$", xlabel=r"$\sigma$", ylim=(0, None))
panel.xaxis.set_major_formatter("{x:g}")
panel.legend()
display(figure)
plt.close(figure)

# %% [markdown]
# Everything is decided between $\sigma = 0.2$ and 3, as in the toys, and a good ladder spends its
# levels there. Bach's opening surprises the network less than its own invention does: it is made of
# turns that many chorales share, and a sample is a draw, not the likeliest thing. The same notes
# out of order surprise it most.
#
# ## Exercises
#
# 1. Set `PRIOR` to (0.95, 0.05) and run sections 2 to 5. At which $\sigma$ is a token decided now?
#    Which failure of section 5 is the worst, and why?
# 2. Take $\sigma$ from the network of section 3 (the paper's was not told it). At which levels does
#    it lose most?
# 3. Put three tokens on a line, at 0, 1 and 2. Find two posteriors with the same mean, and conclude
#    that the squared error no longer fixes the probabilities. Does cross-entropy?
# 4. Let the model of section 6 believe a wrong prior, and show that the area exceeds the entropy by
#    exactly the Kullback-Leibler divergence.
# 5. In section 7 try `compose(exact, free(SAMPLES), kind="ode", levels=10)`, `"ancestral"` and
#    `"langevin"`. How few evaluations suffice for bigrams that are 3 % off?
# 6. Make the chain one of second order (a state is a pair of notes), so that a leap is followed by
#    a step back. What changes in `exact`? In the sampler?
# 7. Forbid leaps of more than two steps *between* cells. Why can no mask of section 8 say this, and
#    what can? (`lmjax.sampling.decode` has an answer for the last step.)
# 8. In section 9 pin the last bass note to *sol* and listen: what cadence is that? Then pin the
#    bass, and let the model find melodies.
# 9. Strengthen a wish: add $-w\,\nabla_x U$ to the score, with $U$ the expected number of repeated
#    notes under the posterior. (`lmjax.sampling.energies` does so for parallels.)
# 10. Train a network in place of `exact`: a small convolution over the evidence of all cells, by
#     cross-entropy. How near to the exact posterior does it come, and at which $\sigma$ is it
#     furthest?
#
# Then compose with the real model in `colab_compose.ipynb`, and train your own in
# `colab_train.ipynb`.
#
# ## References
#
# - A. Hyvärinen, *Estimation of non-normalized statistical models by score matching*, JMLR 2005.
# - P. Vincent, *A connection between score matching and denoising autoencoders*, Neural Computation
#   2011.
# - Y. Song, S. Ermon, *Generative modeling by estimating gradients of the data distribution*,
#   NeurIPS 2019; *Improved techniques for training score-based generative models*, NeurIPS 2020.
# - Y. Song et al., *Score-based generative modeling through stochastic differential equations*,
#   ICLR 2021: predictors, correctors, and the ODE.
# - B. Efron, *Tweedie's formula and selection bias*, JASA 2011.
# - D. Guo, S. Shamai, S. Verdú, *Mutual information and minimum mean-square error in Gaussian
#   channels*, IEEE Transactions on Information Theory 2005.
# - D. Kingma et al., *Variational diffusion models*, NeurIPS 2021: the bound.
# - S. Dieleman et al., *Continuous diffusion for categorical data*, 2022: cross-entropy, "score
#   interpolation".
# - T. Karras et al., *Elucidating the design space of diffusion-based generative models*, NeurIPS
#   2022.
# - L. Rabiner, *A tutorial on hidden Markov models and selected applications in speech
#   recognition*, Proceedings of the IEEE 1989: forward-backward.
# - Zhang & Sirohi, *Generative modeling of Bach chorales by gradient estimation*: the paper from
#   which this project set out.
