"""Expressions: the rules run on tensors that remember, simplified, written as formulas and as source."""
