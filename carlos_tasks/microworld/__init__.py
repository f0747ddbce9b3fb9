"""The micro world: a text-to-image world of coloured shapes, small enough to be trained on two CPU cores.

It is made of the real classes (StableDiffusionXLPipeline, open_clip, peft), so that the code which runs SDXL
runs here too. Its weights ship in ``weights/``; ``python -m carlos_tasks.microworld.train`` makes them anew.
"""
