"""Find LoRAs by what they do: a question becomes a query vector, and Directions are ranked by their cosine with it."""
