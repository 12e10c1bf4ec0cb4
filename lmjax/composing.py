"""Composing: a composer, randomness and forms to chorales."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from lmjax.composer import Composer
from lmjax.data.dataset import Piece
from lmjax.data.jsb import UNSTATED
from lmjax.data.windows import cut, stack
from lmjax.families import Drawn
from lmjax.music.chorale import FRAMES_PER_QUARTER, REST, VOICES, Chorale
from lmjax.music.tokens import Vocabulary
from lmjax.networks.score import Params
from lmjax.noise.condition import Condition, Relations, Wishes
from lmjax.noise.embed import NEVER
from lmjax.requests import request as requested
from lmjax.requests.form import Form
from lmjax.requests.keep import Kept
from lmjax.requests.prior import FormPrior, draw_form
from lmjax.requests.request import Request, Together
from lmjax.sampling.joint import decode_jointly
from lmjax.training.mesh import build_mesh, copied_to, place_batch


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


def compose(composer: Composer, key: jax.Array, num: int | None = None,
            form: Form | Sequence[Form] | None = None, batch_size: int = 16,
            progress: bool = False, condition: Kept | None = None) -> list[Chorale]:
    """New chorales, or a piece of which some is given with the rest composed.

    Args:
      composer: from `load` or a training.
      key: randomness; chorale n depends on `fold_in(key, n)` and its form alone.
      num: how many; if not given, one, or one in each form.
      form: the metre, length, key and so on of all of them, or a form for each (see `draw_forms`);
        eight bars of 4/4 in an open key if not given.
      batch_size: how many at once.
      progress: whether to show a bar.
      condition: what is given (see `keep`), in place of a form.

    Raises:
      ValueError: if `num` or `batch_size` is not positive, or `num` is not that of the forms; or if
        the composer's voices cannot sing what is given.
    """
    if condition is not None:
        if form is not None:
            raise ValueError("what is given has a form of its own, so there can be no other")
        num = 1 if num is None else num
        drawn = draw(composer, key, num, condition.request, batch_size, progress)
        return [condition.chorale(*drawn.notes(n)) for n in range(num)]
    if form is None or isinstance(form, Form):
        forms = [Form(key=None) if form is None else form] * (1 if num is None else num)
    else:
        forms = list(form)
    num = len(forms) if num is None else num
    drawn = draw(composer, key, num, [form.tracks() for form in forms], batch_size, progress)
    return [form.chorale(*drawn.notes(n), title=f"Chorale {n + 1}")
            for n, form in enumerate(forms)]


def draw_forms(composer: Composer, key: jax.Array, num: int = 1) -> list[Form]:
    """Forms such as the chorales have that the composer was trained on.

    Args:
      composer: from `load` or a training.
      key: randomness; form n depends on `fold_in(key, n)` alone.
      num: how many.

    Raises:
      ValueError: if the composer knows of no forms.
    """
    tables = composer.about.get("forms")
    if tables is None:
        raise ValueError("the composer has no prior of forms, for it was trained by an earlier "
                         "version of lmjax or on music that states no form; give a form instead")
    prior = FormPrior.from_json(tables)
    seeds = jax.random.key_data(_fold_in(key, jnp.arange(num)))
    return [draw_form(prior, np.random.default_rng(seed)) for seed in np.asarray(seeds)]


def draw(composer: Composer, key: jax.Array, num: int,
         asked: np.ndarray | Request | Sequence[np.ndarray | Request], batch_size: int = 16,
         progress: bool = False) -> Draw:
    """Notes of what is asked for, one for all or one for each chorale: a request, or the tracks
    int32[T, C] of one in which nothing is given.

    Other arguments as in `compose`; the key may also be one for each, [num]. Either all requests
    are near to some music, in which case the composer's noise levels say how near, or none.

    A piece is composed all at once, unless it is longer than the composer's `compose.window`: then
    window by window, each beginning in the middle of the one before, whose second half it is given.

    Raises:
      ValueError: if `num` or `batch_size` cannot be, or the composer's voices, its network or its
        sampler cannot do what is asked.
    """
    if num < 1 or batch_size < 1:
        raise ValueError(f"the number of chorales and the batch size must be at least 1, "
                         f"not {num} and {batch_size}")
    several = [asked] * num if isinstance(asked, np.ndarray | Request) else asked
    each = [one if isinstance(one, Request) else Request.open(one) for one in several]
    if len(each) != num:
        raise ValueError(f"{num} chorales are asked for, in {len(each)} forms")
    batch_size, window = min(batch_size, num), composer.settings.compose.window
    notes = [_Notes(composer, one) for one in each]
    plan = batches([len(one) for one in each], window, batch_size)
    total = sum(max(len(windows(len(each[n]), width)) for n in numbers) for width, numbers in plan)
    clock = _Clock(composer)
    keys = _fold_in(key, jnp.arange(num)) if key.ndim == 0 else key
    with tqdm(total=total, disable=not progress, desc="compose", unit="window") as bar:
        for width, numbers in plan:
            # The last batch is as large as the others, so that nothing is compiled twice.
            chosen = keys[jnp.array(_filled(numbers, batch_size))]
            _draw_batch(composer, chosen, [notes[n] for n in numbers], width, clock, bar.update)
    pitch, struck, tokens = (
        _padded([getattr(one, name) for one in notes], filling)
        for name, filling in (("pitch", REST), ("struck", False), ("tokens", 0)))
    names = notes[0].diagnostics[0]
    diagnostics = {name: _padded([np.stack([window[name] for window in one.diagnostics])
                                  for one in notes], np.nan) for name in names}
    return Draw(pitch, struck, tokens, np.array([len(one) for one in each]),
                np.array([one.corrected for one in notes]), diagnostics,
                composer.evaluations(plan[-1][0]), clock.compiling, clock.running)


def windows(frames: int, length: int) -> list[tuple[int, int, int]]:
    """Overlapping windows over a piece: (start, end, first new frame) of each."""
    spans, done = [], 0
    while done < frames:
        end = min(frames, done + (_half(length) if done else length))
        spans.append((max(end - length, 0), end, done))
        done = end
    return spans


def batches(frames: Sequence[int], window: int, batch_size: int) -> list[tuple[int, list[int]]]:
    """Which chorales are composed at once: the frames of their windows, and their numbers.

    A chorale that fits half a window, or a quarter, is composed in one such, so that of any mixture
    of lengths at most three programs are compiled, and how a chorale is composed depends on its own
    length alone. Batches are of similar length, so that few wait for a longer one to be finished.
    """
    plan, left = [], sorted(range(len(frames)), key=frames.__getitem__)
    for width in sorted({_half(_half(window)), _half(window), window}):
        numbers = [n for n in left if frames[n] <= width or width == window]
        left = left[len(numbers):]
        plan += [(width, numbers[i:i + batch_size]) for i in range(0, len(numbers), batch_size)]
    return plan


def _half(length: int) -> int:
    """Half a window, in whole beats where that leaves any."""
    return length // 2 // FRAMES_PER_QUARTER * FRAMES_PER_QUARTER or length // 2


class _Notes:
    """The notes of a chorale as far as they are composed, and how that went."""

    def __init__(self, composer: Composer, request: Request) -> None:
        tracks = request.tracks
        if composer.settings.data.source == "jsb16":
            tracks = tracks.copy()
            tracks[:, UNSTATED] = 0  # the network has never seen them
        self.vocabulary, self.request = composer.vocabulary, request
        self.pitch, self.struck = request.pitch.copy(), request.struck.copy()
        self.allowed = request.tokens(composer.vocabulary)
        composer.vocabulary.check_ranges(self.pitch)
        self.near = None if request.near is None else composer.vocabulary.encode(*request.near)
        self.piece = Piece(self.pitch, self.struck, tracks, "")
        self.corrected = 0
        self.diagnostics: list[dict[str, np.ndarray]] = []

    @property
    def tokens(self) -> np.ndarray:
        """int32[T, 4]."""
        return self.vocabulary.encode(self.pitch, self.struck)

    def given(self, span: tuple[int, int, int], width: int) -> np.ndarray:
        """bool[width, 4]: the cells of a window that stand already."""
        start, end, new = span
        known = np.zeros((width, len(VOICES)), bool)
        known[:end - start] = self.request.known[start:end]
        known[:new - start] = True
        return known

    def may(self, span: tuple[int, int, int], width: int) -> np.ndarray:
        """bool[width, 4, K]: the tokens that may stand in its other cells."""
        start, end, _ = span
        allowed = np.ones((width, len(VOICES), self.vocabulary.size), bool)
        if self.allowed is not None:
            allowed[:end - start] = self.allowed[start:end]
        return allowed

    def start(self, span: tuple[int, int, int], width: int) -> np.ndarray:
        """int32[width, 4]: the tokens of the music that a window is to be near to."""
        start, end, _ = span
        assert self.near is not None
        return np.pad(self.near[start:end], ((0, width - (end - start)), (0, 0)))

    def relations(self, span: tuple[int, int, int], width: int, groups: int,
                  vocabulary: Vocabulary) -> Relations:
        """What its voices have to be together, [width, ...], by so many groups of tokens."""
        start, end, _ = span
        asked = self.request.together or Together.open(len(self.pitch))
        pitches, frames = vocabulary.pitches, (0, width - (end - start))
        sounding = pitches != REST
        groups_too = frames, (0, groups - asked.least.shape[1])
        sets = asked.groups[start:end][..., pitches] & sounding
        lowest = pitches[sounding].min()
        height = np.where(sounding, pitches - lowest + 1, 0)
        return Relations._make((
            np.pad(asked.order[start:end], frames),
            np.pad(sets, (*groups_too, (0, 0), (0, 0))),
            np.pad(asked.least[start:end], groups_too), np.pad(asked.most[start:end], groups_too),
            np.eye(1 + height.max(), dtype=bool)[height]))

    def joined(self, span: tuple[int, int, int], logits: np.ndarray) -> np.ndarray:
        """The tokens int32[T, 4] of a window, of logits float32[T, 4, K], that hold its relations.

        Raises:
          ValueError: if none do.
        """
        start, end, _ = span
        assert self.request.together is not None
        vocabulary, groups = self.vocabulary, self.request.together.least.shape[1]
        sounding = vocabulary
        if vocabulary.encoding == "hold":  # what it holds, a token does not say
            sounding, logits = vocabulary.sounding, vocabulary.to_sounding(logits, NEVER)
            given = np.eye(sounding.size, dtype=bool)[sounding.encode(
                self.pitch[start:end], self.struck[start:end])]
            known = self.given(span, end - start)[..., None]
            logits = np.where(known, np.where(given, 0.0, NEVER), logits)
        found = decode_jointly(logits, sounding.legal(), self.relations(
            span, end - start, groups, sounding))
        if found is None:
            raise ValueError(f"no music between the sixteenths {start} and {end} holds all that is "
                             f"asked of its voices together")
        if sounding is vocabulary:
            return found.tokens
        return vocabulary.encode(*sounding.decode(found.tokens))

    def add(self, span: tuple[int, int, int], tokens: np.ndarray, corrected: int,
            diagnostics: dict[str, np.ndarray]) -> None:
        """Takes over what is new of a window, tokens int32[T, 4]."""
        start, end, new = span
        for mine, part in zip((self.pitch, self.struck),
                              self.vocabulary.decode(tokens[:end - start]), strict=True):
            mine[new:end] = part[new - start:]
        self.corrected += corrected
        self.diagnostics.append(diagnostics)


def _draw_batch(composer: Composer, keys: jax.Array, notes: list[_Notes], width: int,
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
        condition = Condition(*place_batch(mesh, (
            window.tracks, window.frames, known, np.where(known, window.tokens, 0), allowed,
            relations, _wishes(_filled([one.request.wishes for one in notes], len(keys))))))
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
        for i, one in enumerate(notes):
            if number < len(spans[i]):
                one.add(now[i], tokens[i], int(corrected[i]),
                        {name: values[i] for name, values in diagnostics.items()})
        advance()


def _wishes(each: Sequence[requested.Wishes]) -> Wishes:
    """The wishes for the chorales of a batch, None where nobody has one."""
    nothing, columns = dataclasses.asdict(requested.Wishes()), []
    for name, default in nothing.items():
        values = np.array([getattr(one, name) for one in each], np.float32)
        columns.append(None if (values == default).all() else values)
    return Wishes._make(columns)


def _fold_in(key: jax.Array, numbers: jax.Array) -> jax.Array:
    """A key for each of some numbers."""
    return jax.vmap(lambda number: jax.random.fold_in(key, number))(numbers)


def _filled(items: list[Any], size: int) -> list[Any]:
    """Items, the last of them repeated until there are so many."""
    return items + items[-1:] * (size - len(items))


def _padded(arrays: list[np.ndarray], filling: Any) -> np.ndarray:
    """Arrays [T_n, ...] as one [N, T, ...], T the longest."""
    longest = max(map(len, arrays))
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
