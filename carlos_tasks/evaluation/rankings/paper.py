"""The paper's own tables, to be laid beside ours: figures as published, of another world and by other measures."""

from collections.abc import Mapping

from carlos_tasks.aliases import Row
from carlos_tasks.evaluation.section import Section

SCORES = ("SigLIP2", "Qwen2.5", "ImageReward", "HPS")
"""What the paper measures: agreement of the text with images made with the first three LoRAs, by four models."""

RETRIEVAL = {
    "CARLoS": (0.350, 0.532, 0.505, 0.596),
    "Qwen3": (0.307, 0.495, 0.491, 0.590),
    "E5": (0.289, 0.480, 0.449, 0.565),
    "GTE": (0.258, 0.461, 0.439, 0.556),
    "BGE": (0.199, 0.429, 0.387, 0.543),
}
ABLATION = {
    "as published: both filters, difference": RETRIEVAL["CARLoS"],
    "no filter": (0.335, 0.525, 0.495, 0.596),
    "query as prefix": (0.338, 0.523, 0.488, 0.589),
    "query alone": (0.328, 0.511, 0.426, 0.538),
}
_SAYS = (
    "As published (arXiv 2512.08826), not measured here: 656 SDXL LoRAs, more than 700 queries, mean over the first "
    "three. Another world and other measures than the tables above: compare the order of the rows, not the numbers."
)


def paper_sections() -> list[Section]:
    """Both tables of the paper."""
    return [
        Section("paper_retrieval", "The paper's retrieval (as published)", _SAYS, _rows("method", RETRIEVAL)),
        Section("paper_ablation", "The paper's ablation (as published)", _SAYS, _rows("variant", ABLATION)),
    ]


def _rows(what: str, table: Mapping[str, tuple[float, ...]]) -> list[Row]:
    return [{what: name} | dict(zip(SCORES, scores, strict=True)) for name, scores in table.items()]
