"""CARLoS: LoRAs described by what they do. Everything here runs without Airflow too."""

__version__ = "0.1.0"
