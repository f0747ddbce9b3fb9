"""Does search find the right effect, and what is each step of the method worth?"""
