"""How results show themselves: in a notebook's cell, as a picture, as a bar while something runs."""
