"""The commands of `carlos`, by who asks: each module adds its own. What is heavy is imported once a command runs."""
