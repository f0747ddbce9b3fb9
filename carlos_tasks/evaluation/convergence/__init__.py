"""How many images are enough, and do the standard errors hold?"""
