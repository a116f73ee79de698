"""Exercises made of a graph: every gradient to be filled in by hand, and checked one by one."""
