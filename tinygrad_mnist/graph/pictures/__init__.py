"""A graph as a picture, in the languages of Graphviz and of Mermaid."""
