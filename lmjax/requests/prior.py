"""A prior of forms: what metres, keys and phrases a set of chorales has, as counts.

A chorale's form is drawn in this order, each choice given only what is named with it:

    metre;  anacrusis | metre;  key;  number of phrases | metre;
    and phrase by phrase
      its length | metre, place in the bar where it begins, whether it is the last;
      the chord under its fermata | metre, place in the bar where it ends, whether it is the last.

Hymns repeat themselves, so a length may also be that of the phrase before, or of the one before
that, each with a chance that is fitted too. Beyond this, phrases do not know of each other: what
is drawn has the habits of the chorales, and seldom the form of one of them. A form that does not
close as a chorale does (see `closes`) is thrown away and its phrases are drawn anew.
"""

import dataclasses
import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from lmjax.music.chorale import Chorale
from lmjax.requests.form import Form, fermata_at, parse_metre

SHORTEST, LONGEST = 64, 400  # sixteenths
TRIES = 10_000
ROUNDS = 50  # of expectation and maximisation; the chances of repeating settle in fewer

# Counts as rows of (*context, value, count), and as {context: {value: count}}.
Rows = tuple[tuple[Any, ...], ...]
Options = dict[tuple[Any, ...], dict[Any, int]]


@dataclasses.dataclass(frozen=True)
class FormPrior:
    """Counts from which forms are drawn. Places and lengths are in sixteenths.

    Attributes:
      metres: (metre, count).
      anacruses: (metre, length, count).
      keys: (key, count); None is an open key.
      phrases: (metre, number of phrases, count).
      lengths: (metre, place in the bar where a phrase begins, whether it is the last, length,
        count).
      chords: (metre, place in the bar where a phrase ends, whether it is the last, length of the
        chord under the fermata, count).
      repeats: the chances that a phrase is as long as the one before, and as the one before that.
    """

    metres: Rows
    anacruses: Rows
    keys: Rows
    phrases: Rows
    lengths: Rows
    chords: Rows
    repeats: tuple[float, float]

    def to_json(self) -> dict[str, Any]:
        """Lists of plain values, of which `from_json` makes the same prior."""
        return {field.name: [list(row) if isinstance(row, tuple) else row
                             for row in getattr(self, field.name)]
                for field in dataclasses.fields(self)}

    @classmethod
    def from_json(cls, tables: Mapping[str, Any]) -> "FormPrior":
        """The prior that `to_json` wrote."""
        tuples: dict[str, Any] = {
            name: tuple(tuple(row) if isinstance(row, list) else row for row in rows)
            for name, rows in tables.items()}
        return cls(**tuples)

    @functools.cached_property
    def options(self) -> dict[str, Options]:
        """The counts of each of the fields, to be looked up by context."""
        return {field.name: _options(getattr(self, field.name))
                for field in dataclasses.fields(self) if field.name != "repeats"}


def closes(form: Form) -> bool:
    """Whether a form is that of a whole chorale.

    It lasts 64 to 400 sixteenths and whole bars (the last shortened by the anacrusis), and ends
    with a chord under a fermata that begins on a strong beat: the first of a bar, or the middle
    one of a metre like 4/4 or 6/8.
    """
    bar = parse_metre(form.metre)
    spans = form.fermata_spans()
    if not SHORTEST <= len(form) <= LONGEST or len(form) % bar.length or not spans:
        return False
    start, end = max(spans)
    halves = bar.numerator > 2 and bar.numerator % 2 == 0
    strong = (start - form.anacrusis) % (bar.length // 2 if halves else bar.length) == 0
    return end == len(form) and strong


def whole_forms(chorales: Iterable[Chorale]) -> list[Form]:
    """The forms of those chorales that have one, and close.

    Chorales that change their metre, break it by an irregular bar, bear no fermata, go on after
    the last one, or are out of proportion are left out.
    """
    forms = []
    for chorale in chorales:
        try:
            form = Form.of(chorale)
        except ValueError:
            continue
        if closes(form):
            forms.append(form)
    return forms


def fit(forms: Iterable[Form]) -> FormPrior:
    """The prior of some forms.

    Raises:
      ValueError: if there are none, or one does not close.
    """
    tables: dict[str, Counter[tuple[Any, ...]]] = {
        field.name: Counter() for field in dataclasses.fields(FormPrior) if field.name != "repeats"}
    pieces = []  # for each form its phrases, as (context, length)
    for form in forms:
        if not closes(form):
            raise ValueError(f"{form} is not the form of a whole chorale")
        bar = parse_metre(form.metre)
        spans = sorted(form.fermata_spans())
        tables["metres"][form.metre,] += 1
        tables["anacruses"][form.metre, form.anacrusis] += 1
        tables["keys"][form.key,] += 1
        tables["phrases"][form.metre, len(spans)] += 1
        begin, piece = 0, []
        for start, end in spans:
            last = end == len(form)
            context = form.metre, (begin - form.anacrusis) % bar.length, last
            tables["lengths"][*context, end - begin] += 1
            tables["chords"][form.metre, (end - form.anacrusis) % bar.length, last,
                             end - start] += 1
            piece.append((context, end - begin))
            begin = end
        pieces.append(piece)
    if not pieces:
        raise ValueError("there is no form to fit a prior to")
    rows = {name: tuple((*key, count) for key, count in sorted(table.items(), key=str))
            for name, table in tables.items()}
    return FormPrior(**rows, repeats=_repeats(pieces, rows["lengths"]))


def _repeats(pieces: Iterable[list[tuple[tuple[Any, ...], int]]],
             lengths: Rows) -> tuple[float, float]:
    """The likeliest chances of repeating a length, by expectation and maximisation.

    A mixture of three: the table of lengths, the phrase before, the phrase before that. Where one
    of the latter cannot be repeated the table stands in for it, as in drawing.
    """
    likelihoods = []
    table_of = _options(lengths)
    for piece in pieces:
        for number, (context, length) in enumerate(piece[1:], 1):
            options = table_of[context]
            table = options[length] / sum(options.values())
            earlier = [piece[number - back][1] if back <= number else None for back in (1, 2)]
            likelihoods.append(
                [table, *(float(e == length) if e in options else table for e in earlier)])
    shares = np.full(3, 1 / 3)
    for _ in range(ROUNDS if likelihoods else 0):
        joint = shares * np.array(likelihoods)
        shares = (joint / joint.sum(axis=1, keepdims=True)).mean(axis=0)
    return float(shares[1]), float(shares[2])


def draw_form(prior: FormPrior, generator: np.random.Generator) -> Form:
    """A form; the metre, the anacrusis and the key are drawn once, the phrases until they close.

    Raises:
      ValueError: if they do not within reason, which a fitted prior's do.
    """
    metre = _choose(generator, prior.options["metres"][()])
    anacrusis = _choose(generator, prior.options["anacruses"][metre,])
    key = _choose(generator, prior.options["keys"][()])
    bar = parse_metre(metre)
    for _ in range(TRIES):
        spans = _draw_phrases(prior, generator, metre, anacrusis)
        if spans and spans[-1][1] % bar.length == 0:
            form = Form(metre, spans[-1][1] // bar.length, key, anacrusis,
                        tuple(fermata_at(bar, anacrusis, *span) for span in spans))
            if closes(form):
                return form
    raise ValueError(f"the prior's phrases do not make a chorale in {metre}")


def completing(prior: FormPrior, form: Form) -> Callable[[np.random.Generator], Form]:
    """A function that draws the key and the fermatas of a form, if it leaves them open.

    Phrases are drawn one after another, each in proportion to its chance times that of all ways to
    fill what is left after it, however many they are. Where no phrases fill the form (the prior has
    none in its metre, or none that end with it) the fermatas stay open.
    """
    bar, tables = parse_metre(form.metre), prior.options

    def chords(end: int, length: int, last: bool) -> dict[int, int]:
        """How long the chord can be that ends a phrase of some length, and how often it is."""
        options = tables["chords"].get((bar.metre, (end - form.anacrusis) % bar.length, last), {})
        return {chord: count for chord, count in options.items() if chord <= length}

    @functools.cache
    def lengths(begin: int, last: bool) -> dict[int, float]:
        """How long a phrase can be that begins in a frame, and the chance of each length."""
        options = tables["lengths"].get(
            (bar.metre, (begin - form.anacrusis) % bar.length, last), {})
        return {length: count / sum(options.values()) for length, count in options.items()
                if (begin + length == len(form) if last else begin + length < len(form))
                and chords(begin + length, length, last)}

    filled = np.zeros(len(form) + 1)  # the chance of all ways to fill what begins in a frame
    for begin in reversed(range(len(form))):
        filled[begin] = sum(lengths(begin, True).values()) + sum(
            chance * filled[begin + length] for length, chance in lengths(begin, False).items())

    def phrases(generator: np.random.Generator) -> Iterator[tuple[int, int]]:
        """The chords that end the phrases, as (first frame, end)."""
        begin, earlier = 0, [0, 0]  # the lengths of the two phrases before
        while begin < len(form):
            table = lengths(begin, False)
            # A length that cannot be repeated leaves its share to the table.
            again: dict[int, float] = {}
            for length, share in zip(earlier, prior.repeats, strict=True):
                if length in table:
                    again[length] = again.get(length, 0.0) + share
            weights = {(length, False): filled[begin + length] * (
                (1 - sum(again.values())) * chance + again.get(length, 0.0))
                for length, chance in table.items()}
            length, last = _choose(generator, weights | {
                (length, True): chance for length, chance in lengths(begin, True).items()})
            begin, earlier = begin + length, [length, earlier[0]]
            yield begin - _choose(generator, chords(begin, length, last)), begin

    def complete(generator: np.random.Generator) -> Form:
        key = _choose(generator, tables["keys"][()]) if form.key is None else form.key
        fermatas = form.fermatas
        if fermatas is None and filled[0] > 0:
            fermatas = tuple(fermata_at(bar, form.anacrusis, *span) for span in phrases(generator))
        return dataclasses.replace(form, key=key, fermatas=fermatas)

    return complete


def _draw_phrases(prior: FormPrior, generator: np.random.Generator, metre: str,
                  anacrusis: int) -> list[tuple[int, int]]:
    """The chords that end the phrases as (first frame, end); none if they come to a dead end."""
    bar = parse_metre(metre)
    number = _choose(generator, prior.options["phrases"][metre,])
    end = 0
    lengths: list[int] = []
    spans: list[tuple[int, int]] = []
    for last in [False] * (number - 1) + [True]:
        options = prior.options["lengths"].get((metre, (end - anacrusis) % bar.length, last), {})
        # 0 the phrase before, 1 the one before that, 2 neither
        back = np.searchsorted(np.cumsum(prior.repeats), generator.random(), side="right")
        if back < min(2, len(lengths)) and lengths[-1 - back] in options:
            length = lengths[-1 - back]
        elif options:
            length = _choose(generator, options)
        else:
            return []
        end += length
        under = prior.options["chords"].get((metre, (end - anacrusis) % bar.length, last), {})
        chords = {chord: count for chord, count in under.items() if chord <= length}
        if not chords:
            return []
        lengths.append(length)
        spans.append((end - _choose(generator, chords), end))
    return spans


def _options(rows: Rows) -> Options:
    """The values of each context, and how often each was counted."""
    options: Options = {}
    for *context, value, count in rows:
        options.setdefault(tuple(context), {})[value] = count
    return options


def _choose(generator: np.random.Generator, options: Mapping[Any, float]) -> Any:
    """One of some values, in proportion to its count or its chance."""
    shares = np.cumsum(list(options.values()))
    place = np.searchsorted(shares / shares[-1], generator.random(), side="right")
    return list(options)[place]
