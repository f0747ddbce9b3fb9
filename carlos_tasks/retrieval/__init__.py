"""Find LoRAs by what they do: a question becomes a query vector, and Directions are ranked by their cosine with it."""

from carlos_tasks.retrieval.filters import Filters
from carlos_tasks.retrieval.question import Question
from carlos_tasks.retrieval.search import Searcher, search, show, similar

__all__ = ["Filters", "Question", "Searcher", "search", "show", "similar"]
