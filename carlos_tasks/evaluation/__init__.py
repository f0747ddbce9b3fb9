"""Measures the index: does search find the right effect, what is each step worth, how many images are enough?

`evaluate.evaluate` is what `carlos evaluate` runs. Each section is a module that makes tables, and often a figure, of a
`Study`: the lake read once (`corpus`), the queries with known answers (`truth`), and every way to rank (`study`).
"""
