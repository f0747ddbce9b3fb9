"""Finding LoRAs: `carlos search`, `similar`, `show`."""

from typing import TYPE_CHECKING, Annotated

import typer

from carlos_tasks.commands.arguments import with_option_groups
from carlos_tasks.commands.asking import ChoiceOptions, QuestionOptions, choices_of, question_of
from carlos_tasks.commands.command import AsJson, QuestionCommand, load_settings, print_rows
from carlos_tasks.console import print_json, print_table, say

if TYPE_CHECKING:
    from carlos_tasks.retrieval.question import Question

HIT_COLUMNS = ("rank", "name", "score", "strength", "consistency", "status", "lora_id")
WIDE_HIT_COLUMNS = (*HIT_COLUMNS[:3], "score_se", "stays_in_top_k", *HIT_COLUMNS[3:], "is_settled", "n_alike")

LoraId = Annotated[str, typer.Argument(metavar="LORA_ID", help="its id, or the id's first digits")]
Wide = Annotated[bool, typer.Option("--wide", help="show errors and stability of each hit")]

app = typer.Typer()


@app.command(cls=QuestionCommand)
@with_option_groups
def search(
    ctx: typer.Context,
    asked: QuestionOptions,
    choices: ChoiceOptions,
    wide: Wide = False,
    as_json: AsJson = False,
) -> int:
    """Find LoRAs by the effect they have.

    A text names it, as "pencil sketch" does; LoRAs and pictures can ask too: docs/command-line.md#asking.
    """
    from carlos_tasks.retrieval.question import Question

    question = question_of(asked)
    if question == Question():
        ctx.fail("nothing is asked for: name an effect, e.g. carlos search 'pencil sketch'")
    return _print_hits(question, choices, wide, as_json)


@app.command(cls=QuestionCommand)
@with_option_groups
def similar(lora_id: LoraId, choices: ChoiceOptions, wide: Wide = False, as_json: AsJson = False) -> int:
    """Find LoRAs that do what this one does."""
    from carlos_tasks.retrieval.question import Question

    return _print_hits(Question(like=(lora_id,)), choices, wide, as_json)


@app.command(cls=QuestionCommand)
def show(lora_id: LoraId, as_json: AsJson = False) -> int:
    """Show what is known of one LoRA."""
    from carlos_tasks.retrieval.search import show as known_of

    return print_rows([known_of(load_settings(), lora_id)], as_json)


def _print_hits(question: "Question", choices: ChoiceOptions, wide: bool, as_json: bool) -> int:
    from carlos_tasks.lake.opening import opened_aside

    settings, how = load_settings(), choices_of(choices)
    lake = opened_aside(settings)
    from carlos_tasks.retrieval.searcher import Searcher

    with Searcher(settings, lake.result()) as searcher:
        hits = searcher.search(question, choices.k, **how)
    if as_json:
        print_json(hits)
    elif hits:
        # The first digits of an id name it as well, and leave room for the name; `civitai-212213` is short already.
        shown = [{**hit, "lora_id": i[:12] if len(i := hit["lora_id"]) == 64 else i} for hit in hits]
        columns = WIDE_HIT_COLUMNS if wide else HIT_COLUMNS
        others = {hit["profile"]: hit["differs_in"] for hit in hits if hit["differs_in"]}
        print_table(shown, (*columns, "profile") if others else columns, bar="score")
        for name, differs_in in others.items():
            say(f"{name} is another profile (its {' and '.join(differs_in)} differ): its LoRAs have other noise")
        if early := sum(not hit["is_settled"] for hit in hits):
            say(f"{early} of these are not settled: more pairs may move their score (docs/method.md#budget)")
    else:
        say("no LoRA fits; carlos sql 'from mart.index_health' says what is indexed under this profile")
    return 0
