"""What makes the site of the documents: docs/conf.py puts these parts together."""
