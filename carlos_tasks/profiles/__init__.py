"""Profiles: everything that fixes an image and its embedding, and the files that they name."""
