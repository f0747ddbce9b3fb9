"""What LoRAs do, held against a policy: concepts and their calibrated scores, signals, decisions, notices."""
