"""Composing: a composer, randomness and forms to chorales."""

import dataclasses
import functools
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from lmjax.composer import Composer
from lmjax.data.windows import cut, stack
from lmjax.families import Drawn, family_of
from lmjax.music.chorale import REST, Chorale
from lmjax.networks.score import Params
from lmjax.noise.condition import Condition, Relations, Wishes
from lmjax.requests import request as requested
from lmjax.requests.form import Form
from lmjax.requests.keep import Kept
from lmjax.requests.prior import FormPrior, completing, draw_form
from lmjax.requests.request import Request
from lmjax.training.mesh import build_mesh, copied_to, place_batch
from lmjax.windowing import Notes, batches, windows


@dataclasses.dataclass(frozen=True, eq=False)
class Draw:
    """What was drawn from a composer.

    Attributes:
      pitch: int16[N, T, 4], T the longest chorale's frames; `REST` past the end of the others.
      struck: bool[N, T, 4].
      tokens: int32[N, T, 4], 0 past the end.
      frames: int[N], how many each has.
      corrected: int[N], cells in which legality overruled the most probable token.
      diagnostics: float32[N, windows, steps] each, by name; NaN past a chorale's last window.
      evaluations: calls of the network per window, the longest.
      compile_seconds: of which none if the program was compiled before.
      seconds: of composing, without compiling.
    """

    pitch: np.ndarray
    struck: np.ndarray
    tokens: np.ndarray
    frames: np.ndarray
    corrected: np.ndarray
    diagnostics: dict[str, np.ndarray]
    evaluations: int
    compile_seconds: float
    seconds: float

    def notes(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """The pitches int16[frames, 4] and re-attacks bool[frames, 4] of one chorale."""
        frames = self.frames[number]
        return self.pitch[number, :frames], self.struck[number, :frames]

    def part(self, chosen: slice) -> "Draw":
        """Some of the chorales, with the times of all."""
        frames = self.frames[chosen]
        arrays = {name: getattr(self, name)[chosen, :frames.max()]
                  for name in ("pitch", "struck", "tokens")}
        return dataclasses.replace(
            self, **arrays, frames=frames, corrected=self.corrected[chosen],
            diagnostics={name: values[chosen] for name, values in self.diagnostics.items()})


    def replaced(self, places: Sequence[int], other: "Draw") -> "Draw":
        """The same with the first of other chorales, as long each, in place of some."""
        arrays = {name: getattr(self, name).copy()
                  for name in ("pitch", "struck", "tokens", "corrected")}
        diagnostics = {name: values.copy() for name, values in self.diagnostics.items()}
        for number, place in enumerate(places):
            frames = self.frames[place]
            for name in ("pitch", "struck", "tokens"):
                arrays[name][place, :frames] = getattr(other, name)[number, :frames]
            arrays["corrected"][place] = other.corrected[number]
            for name, values in other.diagnostics.items():
                _, windows, steps = values.shape
                diagnostics[name][place, :windows, :steps] = values[number]
        return dataclasses.replace(self, **arrays, diagnostics=diagnostics, seconds=(
            self.seconds + other.seconds))


def compose(composer: Composer, key: jax.Array, num: int | None = None,
            form: Form | Sequence[Form] | None = None, batch_size: int = 16,
            progress: bool = False, condition: Kept | None = None) -> list[Chorale]:
    """New chorales, or a piece of which some is given with the rest composed.

    Args:
      composer: from `load` or a training.
      key: randomness; chorale n depends on `fold_in(key, n)` and its form alone.
      num: how many; if not given, one, or one in each form.
      form: the metre, length, key and so on of all of them, eight bars of 4/4 if not given, each
        completed by the composer's prior where it leaves its key or its fermatas open; or a form
        for each, which is kept as it is (see `draw_forms`).
      batch_size: how many at once.
      progress: whether to show a bar.
      condition: what is given (see `keep`), in place of a form.

    Raises:
      ValueError: if `num` or `batch_size` is not positive, or `num` is not that of the forms; or if
        the composer's voices cannot sing what is given, or it was not trained on the metre.
    """
    if condition is not None:
        if form is not None:
            raise ValueError("what is given has a form of its own, so there can be no other")
        num = 1 if num is None else num
        check_metres(composer, [bar.metre for bar in condition.score.bars])
        drawn = draw(composer, key, num, condition.request, batch_size, progress)
        return [condition.chorale(*drawn.notes(n)) for n in range(num)]
    if form is None or isinstance(form, Form):
        settled = Form(key=None) if form is None else form
        check_metres(composer, [settled.metre])
        forms = draw_forms(composer, key, 1 if num is None else num, form=settled)
    else:
        forms = list(form)
        check_metres(composer, [form.metre for form in forms])
    num = len(forms) if num is None else num
    drawn = draw(composer, key, num, [form.tracks() for form in forms], batch_size, progress)
    return [form.chorale(*drawn.notes(n), title=f"Chorale {n + 1}")
            for n, form in enumerate(forms)]


def check_metres(composer: Composer, metres: Iterable[str], piece: str = "the piece") -> None:
    """Raises ValueError if a composer was trained on other metres than those of a piece."""
    forms = composer.about.get("forms")
    seen = None if forms is None else {metre for metre, _ in forms["metres"]}
    for metre in map(str.strip, metres):
        if seen is not None and metre not in seen:  # else it was trained on music that states none
            raise ValueError(f"{piece} is in {metre}, and the composer was trained on "
                             f"{', '.join(sorted(seen))}; write it in one of these")


def draw_forms(composer: Composer, key: jax.Array, num: int = 1,
               metres: Sequence[str] = (), form: Form | None = None) -> list[Form]:
    """Forms such as the chorales have that the composer was trained on.

    Args:
      composer: from `load` or a training.
      key: randomness; form n depends on `fold_in(key, n)` alone.
      num: how many.
      metres: those of the forms; () for all.
      form: what is settled of them already, in place of the metres. The key and the fermatas that
        it leaves open are drawn. They stay open if the composer knows of no forms or does not
        hear them, and fermatas if no phrases that it knows fill the form.

    Raises:
      ValueError: if the composer knows of no forms and all is to be drawn, or of none in these
        metres.
    """
    if form is not None:
        metres = (form.metre,)
    tables = composer.about.get("forms")
    if form is not None and (tables is None or not composer.settings.hears_form):
        return [form] * num
    if tables is None:
        raise ValueError("the composer has no prior of forms, for it was trained by an earlier "
                         "version of lmjax or on music that states no form; give a form instead")
    check_metres(composer, metres, "a form")
    prior = FormPrior.from_json(tables)
    if metres:
        prior = dataclasses.replace(prior, metres=tuple(
            row for row in prior.metres if row[0] in metres))
    seeds = jax.random.key_data(_fold_in(key, jnp.arange(num)))
    generators = map(np.random.default_rng, np.asarray(seeds))
    complete = functools.partial(draw_form, prior) if form is None else completing(prior, form)
    return list(map(complete, generators))


def draw(composer: Composer, key: jax.Array, num: int,
         asked: np.ndarray | Request | Sequence[np.ndarray | Request], batch_size: int = 16,
         progress: bool = False, filled: bool = False) -> Draw:
    """Notes of what is asked for, one for all or one for each chorale: a request, or the tracks
    int32[T, C] of one in which nothing is given.

    Other arguments as in `compose`; the key may also be one for each, [num]. Either all requests
    are near to some music, in which case the composer's noise levels say how near, or none. Are
    batches to be `filled`, programs for `batch_size` are used even for fewer, as they may be
    compiled already.

    A piece longer than the composer's `compose.window` is read in windows that overlap (see
    `sampling.overlap`). Left-to-right models compose it window by window, each beginning in the
    middle of the one before, whose second half it is given.

    Raises:
      ValueError: if `num` or `batch_size` cannot be, the composer's voices, its network or its
        sampler cannot do what is asked, or what the network says is not a number.
    """
    if num < 1 or batch_size < 1:
        raise ValueError(f"the number of chorales and the batch size must be at least 1, "
                         f"not {num} and {batch_size}")
    several = [asked] * num if isinstance(asked, np.ndarray | Request) else asked
    each = [one if isinstance(one, Request) else Request.open(one) for one in several]
    if len(each) != num:
        raise ValueError(f"{num} chorales are asked for, in {len(each)} forms")
    notes = [Notes(composer, one) for one in each]
    plan = batches([len(one) for one in each], composer.settings.compose.window,
                   batch_size if filled else min(batch_size, num),
                   family_of(composer.settings).AT_ONCE)
    total = sum(max(len(windows(len(each[n]), batch.width)) for n in batch.numbers)
                for batch in plan)
    clock = _Clock(composer)
    keys = _fold_in(key, jnp.arange(num)) if key.ndim == 0 else key
    with tqdm(total=total, disable=not progress, desc="compose", unit="window") as bar:
        for batch in plan:
            # The last batch is as large as the others, so that nothing is compiled twice.
            chosen = keys[jnp.array(_filled(batch.numbers, batch.size))]
            _draw_batch(composer, chosen, [notes[n] for n in batch.numbers], batch.width, clock,
                        bar.update)
    pitch, struck, tokens = (
        _padded([getattr(one, name) for one in notes], filling)
        for name, filling in (("pitch", REST), ("struck", False), ("tokens", 0)))
    # Left-to-right models take as many steps as a window has frames.
    steps = max(len(values) for one in notes for window in one.diagnostics
                for values in window.values())
    diagnostics = {name: _padded([_padded([window[name] for window in one.diagnostics],
                                          np.nan, steps) for one in notes], np.nan)
                   for name in notes[0].diagnostics[0]}
    return Draw(pitch, struck, tokens, np.array([len(one) for one in each]),
                np.array([one.corrected for one in notes]), diagnostics,
                composer.evaluations(plan[-1].width), clock.compiling, clock.running)


def _draw_batch(composer: Composer, keys: jax.Array, notes: list[Notes], width: int,
                clock: "_Clock", advance: Callable[[], Any]) -> None:
    """Composes chorales in windows of some width, with keys [B] of which the last may be idle."""
    spans = [windows(len(one.pitch), width) for one in notes]
    mesh = build_mesh(len(keys))
    params = jax.device_put(composer.params, copied_to(mesh))
    for number in range(max(map(len, spans))):
        # A finished chorale composes its last window again, in vain, while others go on.
        now = [own[min(number, len(own) - 1)] for own in spans]
        window = stack(_filled([cut(one.piece, start, width, composer.vocabulary)
                                for one, (start, _, _) in zip(notes, now, strict=True)],
                               len(keys)))
        known = np.stack(_filled([one.given(span, width) for one, span in zip(
            notes, now, strict=True)], len(keys)))
        allowed = None
        if any(one.allowed is not None for one in notes):
            allowed = np.stack(_filled([one.may(span, width) for one, span in zip(
                notes, now, strict=True)], len(keys)))
        together = [one.request.together for one in notes if one.request.together is not None]
        relations = None
        if together:
            groups = max(one.least.shape[1] for one in together)
            each = [one.relations(span, width, groups, composer.vocabulary)
                    for one, span in zip(notes, now, strict=True)]
            relations = Relations._make(map(np.stack, zip(*_filled(each, len(keys)), strict=True)))
        near = None
        if notes[0].near is not None:
            near = place_batch(mesh, np.stack(_filled([one.start(span, width) for one, span in zip(
                notes, now, strict=True)], len(keys))))
        wishes = _wishes(composer, _filled([one.request.wishes for one in notes], len(keys)))
        condition = Condition(*place_batch(mesh, (
            window.tracks, window.frames, known, np.where(known, window.tokens, 0), allowed,
            relations, wishes)))
        sample = clock.sample(params, jax.vmap(lambda k, n=number: jax.random.fold_in(k, n))(keys),
                              condition, near)
        drawn = np.array(sample.tokens)
        if relations is not None:
            logits = np.asarray(sample.logits)
            for i, (one, span) in enumerate(zip(notes, now, strict=True)):
                if one.request.together is not None and number < len(spans[i]):
                    length = span[1] - span[0]
                    drawn[i, :length] = one.joined(span, logits[i, :length])
        # Given cells are as they were given, also where the network never saw them as such.
        tokens = np.where(known, window.tokens, drawn)
        corrected = np.asarray(sample.corrected)
        diagnostics = {k: np.asarray(v).T for k, v in sample.diagnostics._asdict().items()}
        lost = sum(any(np.isnan(values[i]).any() for values in diagnostics.values())
                   for i in range(len(notes)))
        if lost:
            raise ValueError(f"the network's output is not a number in {lost} of {len(notes)} "
                             f"chorales; compose on another device, as by JAX_PLATFORMS=cpu")
        for i, one in enumerate(notes):
            if number < len(spans[i]):
                one.add(now[i], tokens[i], int(corrected[i]),
                        {name: values[i] for name, values in diagnostics.items()})
        advance()


def _wishes(composer: Composer, each: Sequence[requested.Wishes]) -> Wishes:
    """The wishes for the chorales of a batch, None where nobody has one."""
    usual = getattr(composer.settings.sampler, "guidance", 1.0)
    columns = []
    for name, default in dataclasses.asdict(requested.Wishes()).items():
        values = [getattr(one, name) for one in each]
        columns.append(None if all(value == default for value in values) else np.array(
            [usual if value is None else value for value in values], np.float32))
    return Wishes._make(columns)


def _fold_in(key: jax.Array, numbers: jax.Array) -> jax.Array:
    """A key for each of some numbers."""
    return jax.vmap(lambda number: jax.random.fold_in(key, number))(numbers)


def _filled(items: list[Any], size: int) -> list[Any]:
    """Items, the last of them repeated until there are so many."""
    return items + items[-1:] * (size - len(items))


def _padded(arrays: list[np.ndarray], filling: Any, longest: int = 0) -> np.ndarray:
    """Arrays [T_n, ...] as one [N, T, ...], T the longest if not given."""
    longest = longest or max(map(len, arrays))
    return np.stack([np.concatenate([array, np.full(
        (longest - len(array), *array.shape[1:]), filling, array.dtype)]) for array in arrays])


class _Clock:
    """Tells the time that compiling takes from the time that running takes."""

    def __init__(self, composer: Composer) -> None:
        self.composer = composer
        self.compiling = self.running = 0.0

    def sample(self, params: Params, keys: jax.Array, condition: Condition,
               near: jax.Array | None) -> Drawn:
        """Composes a window, with a program compiled on the first call with such shapes."""
        arguments = params, keys, condition, near
        programs = self.composer.programs
        related = condition.relations
        shape = (*condition.known.shape, condition.allowed is not None,
                 -1 if related is None else related.least.shape[-1],
                 *(wish is not None for wish in condition.wishes), near is not None)
        start = time.perf_counter()
        if shape not in programs:
            programs[shape] = self.composer.sample_window.lower(*arguments).compile()
            self.compiling += time.perf_counter() - start
            start = time.perf_counter()
        out = jax.block_until_ready(programs[shape](*arguments))
        self.running += time.perf_counter() - start
        return out
