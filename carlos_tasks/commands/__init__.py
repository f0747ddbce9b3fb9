"""The commands of `carlos`, by who asks: one typed function each. What is heavy is imported once a command runs."""
