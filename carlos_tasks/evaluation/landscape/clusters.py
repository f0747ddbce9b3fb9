"""Groups of LoRAs that do alike, and a map of them.

What all LoRAs share (they move pictures away from the bare backbone) is taken out first: unit Directions less their
mean. Groups are cut from a tree of average linkage, at the cosine that separates them best (silhouette).
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carlos_tasks.aliases import Row
from carlos_tasks.arrays import Doubles, Floats
from carlos_tasks.evaluation.corpus.study import Study
from carlos_tasks.evaluation.landscape.clusters_figure import clusters_figure
from carlos_tasks.evaluation.landscape.words import describe_groups
from carlos_tasks.evaluation.section import Section, left_out

TITLE = "Clusters and map"
FEWEST = 8
_CUTS = np.arange(0.1, 0.951, 0.05)
_ROUNDING = 1e-6  # what is left of identical vectors when their mean is taken out
_SAYS = (
    "LoRAs of status ok by what they do beyond what all of them do (unit Directions less their mean): groups of "
    "average linkage, cut at cosine {cut:.2f}, where they part best (silhouette {silhouette:.2f}). {n_groups} groups "
    "hold {n_loras} LoRAs. cosine: mean within the group, of the Directions as they are. words: TF-IDF over names and "
    "tags of LoRAs that their source rates PG or PG-13. central: the LoRA nearest to the rest. The map is t-SNE: near "
    "means alike, distances between far groups mean nothing."
)


@dataclass(frozen=True, eq=False)
class Groups:
    """Group numbers (n,), 0 the largest; the cosine they were cut at; their silhouette."""

    numbers: NDArray[np.intp]
    cut: float
    silhouette: float


def clusters(study: Study) -> list[Section]:
    """The groups, where each LoRA lies on the map, and how well they agree with known effects."""
    corpus, admitted = study.corpus, study.corpus.admitted("both")
    n_all = int(admitted.sum())
    if n_all < FEWEST:
        return [left_out("clusters", TITLE, f"it takes {FEWEST} LoRAs of status ok, there are {n_all}")]
    chosen = study.sample(admitted)
    units = centred(corpus.units[chosen])
    groups = group(units)
    loras = [corpus.loras[number] for number in chosen]
    labels = [study.truth.labels[number] for number in chosen] if study.truth else None
    rows = _rows(corpus.units[chosen], groups.numbers, loras, labels)
    places = lay_out(units, study.options.seed)
    says = _SAYS.format(cut=groups.cut, silhouette=groups.silhouette, n_groups=len(rows), n_loras=len(loras))
    says += f" {len(loras)} LoRAs are drawn of {n_all}." if len(loras) < n_all else ""
    return [
        Section(
            "clusters",
            TITLE,
            says + (_agreement(groups.numbers, labels) if labels else ""),
            rows,
            shown=tuple(name for name in rows[0] if name != "central_id"),
            n_shown=20,
            figure=clusters_figure(places, groups.numbers, rows),
        ),
        Section("map", "Where each LoRA lies on the map", rows=_places(places, groups.numbers, loras), n_shown=0),
    ]


def centred(units: Floats) -> Doubles:
    """Unit vectors less their mean, at length 1 again: (n, d)."""
    moved = units.astype(np.float64) - units.mean(axis=0, dtype=np.float64)
    lengths = np.linalg.norm(moved, axis=1, keepdims=True)
    return np.divide(moved, lengths, out=np.zeros_like(moved), where=lengths > _ROUNDING)


def group(units: Doubles) -> Groups:
    """Cut a tree of average linkage over cosine distances where the silhouette is highest."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform
    from sklearn.metrics import silhouette_score

    distances = np.clip(1 - units @ units.T, 0, 2)
    distances = (distances + distances.T) / 2
    np.fill_diagonal(distances, 0)
    tree = linkage(squareform(distances, checks=False), "average")
    best = Groups(np.zeros(len(units), np.intp), 0.0, -1.0)
    for cut in _CUTS:
        numbers = fcluster(tree, 1 - cut, "distance")
        if 1 < len(set(numbers)) < len(units):
            silhouette = float(silhouette_score(distances, numbers, metric="precomputed"))
            if silhouette > best.silhouette:
                best = Groups(_by_size(numbers), float(cut), silhouette)
    return best


def lay_out(units: Doubles, seed: int) -> Floats:
    """Places on the map: t-SNE from the first two principal components, (n, 2)."""
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(units) - 1) / 3)
    tsne = TSNE(2, perplexity=perplexity, init="pca", random_state=seed)
    return np.asarray(tsne.fit_transform(units.astype(np.float32)))


def _by_size(numbers: NDArray[np.intp]) -> NDArray[np.intp]:
    """Renumber groups from the largest; of one size, by their first member."""
    first = {int(number): index for index, number in reversed(list(enumerate(numbers)))}
    counts = Counter(map(int, numbers))
    order = sorted(counts, key=lambda number: (-counts[number], first[number]))
    places = {number: place for place, number in enumerate(order)}
    return np.array([places[int(number)] for number in numbers], np.intp)


def _rows(units: Floats, numbers: NDArray[np.intp], loras: list[Row], labels: list[frozenset[str]] | None) -> list[Row]:
    words = describe_groups(loras, [int(number) for number in numbers])
    rows = []
    for number in range(int(numbers.max()) + 1):
        members = np.flatnonzero(numbers == number)
        cosines = units[members] @ units[members].T
        n = len(members)
        central = loras[members[cosines.sum(axis=1).argmax()]]
        row: Row = {
            "cluster": number + 1,
            "loras": n,
            "cosine": float((cosines.sum() - n) / (n * (n - 1))) if n > 1 else None,
            "words": ", ".join(words[number]),
        }
        if labels is not None:
            counts = Counter(effect for member in members for effect in labels[member])
            row["effects"] = ", ".join(f"{effect} {count}" for effect, count in counts.most_common())
        rows.append(row | {"central_id": central["lora_id"], "central": central["name"]})
    return rows


def _places(places: Floats, numbers: NDArray[np.intp], loras: list[Row]) -> list[Row]:
    return [
        {"lora_id": lora["lora_id"], "x": float(x), "y": float(y), "cluster": int(number) + 1}
        for lora, (x, y), number in zip(loras, places, numbers, strict=True)
    ]


def _agreement(numbers: NDArray[np.intp], labels: list[frozenset[str]]) -> str:
    """The adjusted Rand index of the groups with the LoRAs' known effects."""
    from sklearn.metrics import adjusted_rand_score

    told = ["+".join(sorted(label)) for label in labels]
    score = adjusted_rand_score(told, numbers)
    return f" Agreement with the {len(set(told))} sets of known effects (adjusted Rand index): {score:.2f}."
