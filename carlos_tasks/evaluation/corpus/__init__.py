"""What the sections of an evaluation share: LoRAs, queries with known answers, measures of a ranking."""
