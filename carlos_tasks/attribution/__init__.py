"""Attribution: which LoRAs do what a reference set shows, how unusual that is, and the evidence of it as a report."""
