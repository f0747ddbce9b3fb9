"""The attribution report: which LoRAs come near a reference set, with the evidence."""
