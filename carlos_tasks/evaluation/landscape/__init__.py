"""What the corpus looks like: Strength and Consistency, groups, who is alike."""
