"""The options of `carlos search` and `similar`, and the question and choices that they become."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from carlos_tasks.retrieval.question import Question

Paths = list[Path] | None
Texts = list[str] | None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as exc:
        raise typer.BadParameter(f"not a day: {text!r} (write 2026-01-31)") from exc


def _cosine(text: str) -> float:
    """The cosine that is named, or that of near-duplicates where `--group` stands alone."""
    from carlos_tasks.retrieval.diversity import GROUP_AT

    try:
        return float(text) if text else GROUP_AT
    except ValueError as exc:
        raise typer.BadParameter(f"not a cosine: {text!r} (write 0.95)") from exc


@dataclass(frozen=True)
class QuestionOptions:
    """The ways to ask: texts, LoRAs, pictures, and what is not wanted."""

    text: Annotated[str | None, typer.Argument(metavar="TEXT", help="the effect, e.g. 'pencil sketch'")] = None
    texts: Annotated[Texts, typer.Option("--and", metavar="TEXT", help="a further effect; x^0.5 weighs half")] = None
    not_texts: Annotated[Texts, typer.Option("--not", metavar="TEXT", help="an effect that it should not have")] = None
    like: Annotated[Texts, typer.Option("--like", metavar="LORA_ID", help="like this LoRA")] = None
    unlike: Annotated[Texts, typer.Option("--unlike", metavar="LORA_ID", help="unlike this LoRA")] = None
    images: Annotated[Paths, typer.Option("--image", metavar="FILE…", help="pictures that look as wanted")] = None
    before: Annotated[Paths, typer.Option("--before", metavar="FILE…", help="pictures without it")] = None
    after: Annotated[Paths, typer.Option("--after", metavar="FILE…", help="the same pictures with it")] = None


@dataclass(frozen=True)
class ChoiceOptions:
    """How many hits, the filters, diversity and grouping."""

    k: Annotated[int, typer.Option("-k", metavar="N", help="how many")] = 10
    strength_min: Annotated[float | None, typer.Option(metavar="X", help="Strength at least")] = None
    strength_max: Annotated[
        float | None, typer.Option(metavar="X", help="Strength at most, in place of the profile's threshold")
    ] = None
    consistency_min: Annotated[
        float | None, typer.Option(metavar="X", help="Consistency at least, in place of the profile's threshold")
    ] = None
    consistency_max: Annotated[float | None, typer.Option(metavar="X", help="Consistency at most")] = None
    base_model: Annotated[
        Texts, typer.Option(metavar="NAME", help="base model, as the file shows or a listing names it")
    ] = None
    license: Annotated[Texts, typer.Option(metavar="NAME", help="license of the listing, or else of the file")] = None
    source: Annotated[Texts, typer.Option(metavar="NAME", help="listed at this source")] = None
    creator: Annotated[Texts, typer.Option(metavar="NAME", help="published by this account")] = None
    profile: Annotated[
        Texts, typer.Option(metavar="NAME", help="measured under this profile, where several are ranked together")
    ] = None
    status: Annotated[
        Texts, typer.Option(metavar="NAME", help="status to return (default: ok); may be given more than once")
    ] = None
    nsfw_max: Annotated[
        int | None, typer.Option(metavar="LEVEL", help="highest nsfw level claimed: 1, 2, 4, 8, 16, 32")
    ] = None
    since: Annotated[
        date | None,
        typer.Option(metavar="DATE", parser=_day, help="published on this day or later, e.g. 2026-01-31"),
    ] = None
    until: Annotated[
        date | None, typer.Option(metavar="DATE", parser=_day, help="published on this day or earlier")
    ] = None
    diversity: Annotated[float, typer.Option(metavar="X", help="0 ranks by score alone, 1 by being different")] = 0.0
    group_at: Annotated[
        float | None,
        typer.Option(
            "--group", metavar="[COSINE]", parser=_cosine, help="show near-duplicates, from this cosine on, as one hit"
        ),
    ] = None


def question_of(options: QuestionOptions) -> "Question":
    """Return the question of `carlos search`."""
    from carlos_tasks.retrieval.question import Question

    texts = ([options.text] if options.text is not None else []) + (options.texts or [])
    return Question(
        texts=tuple(texts),
        not_texts=tuple(options.not_texts or ()),
        like=tuple(options.like or ()),
        unlike=tuple(options.unlike or ()),
        images=tuple(options.images or ()),
        before=tuple(options.before or ()),
        after=tuple(options.after or ()),
    )


def choices_of(options: ChoiceOptions) -> dict[str, Any]:
    """Return filters, diversity and grouping, by the names of `Searcher.search`.

    Raises:
        CarlosError: a filter has a value that can never be right.
    """
    from carlos_tasks.retrieval.filters import filters_from

    one = ("strength_min", "strength_max", "consistency_min", "consistency_max", "nsfw_max", "since", "until")
    given = {name: getattr(options, name) for name in one if getattr(options, name) is not None}
    several = ("base_model", "license", "source", "creator", "profile", "status")
    given |= {name: tuple(getattr(options, name)) for name in several if getattr(options, name)}
    return {"filters": filters_from(given), "diversity": options.diversity, "group_at": options.group_at}
