"""A learner's program run as it is, with every operation on arrays recorded, and its training read from the record."""
