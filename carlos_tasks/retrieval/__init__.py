"""Find LoRAs by what they do: a text becomes a query vector, and the lake ranks Directions by their cosine with it."""

from carlos_tasks.retrieval.search import search, show, similar

__all__ = ["search", "show", "similar"]
