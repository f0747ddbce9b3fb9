"""What the weights of LoRAs said before any picture, held against what the pictures showed."""
