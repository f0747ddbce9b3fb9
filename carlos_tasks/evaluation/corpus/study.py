"""What the sections of one evaluation share: the corpus, the queries, and rankings that are computed once."""

from dataclasses import dataclass
from functools import cached_property

import duckdb
import numpy as np
from numpy.typing import NDArray

from carlos_tasks.arrays import Doubles, Floats, Mask
from carlos_tasks.evaluation.corpus.baselines import by_meaning, by_words
from carlos_tasks.evaluation.corpus.corpus import Corpus
from carlos_tasks.evaluation.corpus.query_forms import DIFFERENCE, FORMS
from carlos_tasks.evaluation.corpus.truth import Truth

CARLOS = "CARLoS"
NO_TRUTH = (
    "no query with a known answer fits this profile: give a file of queries and labelled LoRAs (docs/evaluation.md)"
)


@dataclass(frozen=True)
class Options:
    """How much is drawn, and from which seed; none of it is read from the environment.

    Attributes:
        n_bootstrap: resamples of an interval.
        n_repeats: subsets of each size, of prompts or of seeds, in the convergence.
        max_loras: LoRAs that the convergence and the map look at; of more, that many are drawn.
        seed: of every draw.
    """

    n_bootstrap: int = 2000
    n_repeats: int = 20
    max_loras: int = 1000
    seed: int = 0


@dataclass(frozen=True)
class Method:
    """A way to rank: its name, and whether LoRAs that search would not return ("ok" only) are left out."""

    name: str
    among: str


class Study:
    """One evaluation while it runs."""

    def __init__(
        self, con: duckdb.DuckDBPyConnection, corpus: Corpus, truth: Truth | None, options: Options, device: str
    ) -> None:
        self.con = con
        self.corpus = corpus
        self.truth = truth
        self.options = options
        self.device = device

    @property
    def queries(self) -> list[str]:
        """The texts that are asked; none where nothing is known of their answers."""
        return [query.text for query in self.truth.queries] if self.truth else []

    def sample(self, admitted: Mask) -> NDArray[np.intp]:
        """Numbers of the LoRAs that are admitted, sorted; of more than `max_loras`, that many drawn."""
        numbers = np.flatnonzero(admitted)
        if len(numbers) <= self.options.max_loras:
            return numbers
        drawn = np.random.default_rng(self.options.seed).choice(numbers, self.options.max_loras, replace=False)
        return np.sort(drawn)

    @cached_property
    def vectors(self) -> dict[str, Floats]:
        """Query vectors by form: float32 (n_queries, d) each."""
        from carlos_tasks.device.choose import choose_device

        # Only here is torch needed: what does without queries runs where there is none.
        device = choose_device(self.device)
        return {name: make(self.corpus.profile, self.queries, device) for name, (_, make) in FORMS.items()}

    def by_effect(self, form: str, admitted: Mask) -> Doubles:
        """Cosine of query vector and Direction: float64 (n_queries, n_loras), NaN for what is not admitted."""
        vectors = self.vectors[form].astype(np.float64)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        cosines = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0) @ self.corpus.units.T
        return np.where(admitted, cosines, np.nan)

    @cached_property
    def methods(self) -> dict[Method, Doubles]:
        """Doubles of every way to rank, (n_queries, n_loras) each.

        Metadata search ranks every LoRA, as it would without an index, and also only those of status ok: what is left
        of CARLoS's lead then is due to its ranking, not to its filter.
        """
        ok = self.corpus.admitted("both")
        documents = self.corpus.documents()
        read = {"BM25": by_words(documents, self.queries), "MiniLM": by_meaning(documents, self.queries)}
        found = {Method(CARLOS, "ok"): self.by_effect(DIFFERENCE, ok)}
        for name, scores in read.items():
            found[Method(name, "all")] = scores
            found[Method(name, "ok")] = np.where(ok, scores, np.nan)
        return found
