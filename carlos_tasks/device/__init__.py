"""Where torch computes, and what it needs for that on a machine without CUDA."""
