"""Finding LoRAs: `carlos search`, `similar`, `show`."""

import argparse
from typing import TYPE_CHECKING, Any

from carlos_tasks.commands.asking import add_choices, add_question, choices_of, question_of
from carlos_tasks.commands.command import add_command, print_rows
from carlos_tasks.console import print_json, print_table
from carlos_tasks.settings import load_settings

if TYPE_CHECKING:
    from carlos_tasks.retrieval import Question

HIT_COLUMNS = ("rank", "name", "score", "strength", "consistency", "status", "lora_id")
WIDE_HIT_COLUMNS = (*HIT_COLUMNS[:3], "score_se", "stays_in_top_k", *HIT_COLUMNS[3:], "n_alike")


def add_search_commands(commands: Any) -> None:
    """Add them to the subparsers of `carlos`."""
    command = add_command(commands, "search", _search, "find LoRAs by the effect they have")
    add_question(command)
    add_choices(command)

    command = add_command(commands, "similar", _similar, "find LoRAs that do what this one does")
    command.add_argument("lora_id", metavar="LORA_ID", help="its id, or the id's first digits")
    add_choices(command)

    command = add_command(commands, "show", _show, "show what is known of one LoRA")
    command.add_argument("lora_id", metavar="LORA_ID", help="its id, or the id's first digits")


def _search(options: argparse.Namespace) -> int:
    from carlos_tasks.retrieval import Question

    question = question_of(options)
    if question == Question():
        options.wrong_usage("nothing is asked for: name an effect, e.g. carlos search 'pencil sketch'")
    return _print_hits(options, question)


def _similar(options: argparse.Namespace) -> int:
    from carlos_tasks.retrieval import Question

    return _print_hits(options, Question(like=(options.lora_id,)))


def _print_hits(options: argparse.Namespace, question: "Question") -> int:
    from carlos_tasks.retrieval import search

    hits = search(load_settings(), question, options.k, **choices_of(options))
    if options.json:
        print_json(hits)
    elif hits:
        # The first digits of an id name it as well, and leave room for the name; `civitai-212213` is short already.
        shown = [{**hit, "lora_id": i[:12] if len(i := hit["lora_id"]) == 64 else i} for hit in hits]
        print_table(shown, WIDE_HIT_COLUMNS if options.wide else HIT_COLUMNS, bar="score")
    else:
        print("no LoRA fits; carlos sql 'from mart.index_health' says what is indexed under this profile")
    return 0


def _show(options: argparse.Namespace) -> int:
    from carlos_tasks.retrieval import show

    found = show(load_settings(), options.lora_id)
    return print_rows(options, [found])
