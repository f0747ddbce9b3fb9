"""What lies beside a LoRA file: sidecars of LoRA managers, and a trainer's configuration. It says more about the file.

None of it is trusted, and none of it takes anything away: what cannot be read costs its own facts and a note.
"""
