"""The options of `carlos search` and `similar`, and the question and choices that they become."""

import argparse
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from carlos_tasks.retrieval import Question


def add_question(command: argparse.ArgumentParser) -> None:
    """Add the ways to ask: texts, LoRAs, pictures, and what is not wanted."""
    command.add_argument("text", metavar="TEXT", nargs="?", help="the effect, e.g. 'pencil sketch'")
    command.add_argument(
        "--and", dest="texts", metavar="TEXT", action="append", default=[], help="a further effect; x^0.5 weighs half"
    )
    command.add_argument(
        "--not", dest="not_texts", metavar="TEXT", action="append", default=[], help="an effect that it should not have"
    )
    command.add_argument("--like", metavar="LORA_ID", action="append", default=[], help="like this LoRA")
    command.add_argument("--unlike", metavar="LORA_ID", action="append", default=[], help="unlike this LoRA")
    command.add_argument(
        "--image", dest="images", metavar="FILE", nargs="+", type=Path, default=[], help="pictures that look as wanted"
    )
    command.add_argument("--before", metavar="FILE", nargs="+", type=Path, default=[], help="pictures without it")
    command.add_argument("--after", metavar="FILE", nargs="+", type=Path, default=[], help="the same pictures with it")


def add_choices(command: argparse.ArgumentParser) -> None:
    """Add how many hits, the filters, diversity and grouping."""
    command.add_argument("-k", type=int, default=10, metavar="N", help="how many (default: 10)")
    filters = command.add_argument_group("filters")
    for name, help_text in (
        ("strength-min", "Strength at least"),
        ("strength-max", "Strength at most, in place of the profile's threshold"),
        ("consistency-min", "Consistency at least, in place of the profile's threshold"),
        ("consistency-max", "Consistency at most"),
    ):
        filters.add_argument(f"--{name}", type=float, metavar="X", help=help_text)
    for name, help_text in (
        ("base-model", "base model, as the file shows or a listing names it"),
        ("license", "license of the listing, or else of the file"),
        ("source", "listed at this source"),
        ("creator", "published by this account"),
        ("status", "status to return (default: ok); may be given more than once"),
    ):
        filters.add_argument(f"--{name}", action="append", default=[], metavar="NAME", help=help_text)
    filters.add_argument("--nsfw-max", type=int, metavar="LEVEL", help="highest nsfw level claimed: 1, 2, 4, 8, 16, 32")
    filters.add_argument("--since", type=_day, metavar="DATE", help="published on this day or later, e.g. 2026-01-31")
    filters.add_argument("--until", type=_day, metavar="DATE", help="published on this day or earlier")
    command.add_argument(
        "--diversity",
        type=float,
        default=0.0,
        metavar="X",
        help="0 ranks by score alone, 1 by being different",
    )
    command.add_argument(
        "--group",
        type=float,
        nargs="?",
        const=True,
        metavar="COSINE",
        help="show near-duplicates, from this cosine on, as one hit",
    )
    command.add_argument("--wide", action="store_true", help="show errors and stability of each hit")


def question_of(options: argparse.Namespace) -> "Question":
    """Return the question of `carlos search`."""
    # The parser is built for every command; only these two read what searching needs.
    from carlos_tasks.retrieval import Question

    texts = ([options.text] if options.text is not None else []) + options.texts
    return Question(
        texts=tuple(texts),
        not_texts=tuple(options.not_texts),
        like=tuple(options.like),
        unlike=tuple(options.unlike),
        images=tuple(options.images),
        before=tuple(options.before),
        after=tuple(options.after),
    )


def choices_of(options: argparse.Namespace) -> dict[str, Any]:
    """Return filters, diversity and grouping, by the names of `Searcher.search`.

    Raises:
        CarlosError: a filter has a value that can never be right.
    """
    from carlos_tasks.retrieval.diversity import GROUP_AT
    from carlos_tasks.retrieval.filters import filters_from

    one = ("strength_min", "strength_max", "consistency_min", "consistency_max", "nsfw_max", "since", "until")
    given = {name: getattr(options, name) for name in one if getattr(options, name) is not None}
    several = {name: tuple(getattr(options, name)) for name in ("base_model", "license", "source", "creator", "status")}
    given |= {name: values for name, values in several.items() if values}
    group_at = GROUP_AT if options.group is True else options.group
    return {"filters": filters_from(given), "diversity": options.diversity, "group_at": group_at}


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"not a day: {text!r} (write 2026-01-31)") from exc
