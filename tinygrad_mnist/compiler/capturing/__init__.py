"""Capturing a step: it is run once, and what NumPy is asked to do in it is written down as a program."""
