"""Policies: the concepts that LoRAs are compared with, as folders of TOML, and what reads them."""
