"""Are scores, p-values and the queue right where the truth is known?"""
