"""A learner's function called with prepared arguments, and what went wrong besides its numbers."""
