"""The page that steps through a graph: what it shows, and the static files that show it."""
