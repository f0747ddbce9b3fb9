"""How unusual a number is: nulls, intervals and false discoveries, for moderation and attribution alike."""
