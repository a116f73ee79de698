"""Kernels: loops that numba compiles, written in Python, and the parts of a step that they make up."""
