"""The textbook's network and the mistakes known in its backprop: wrong gradients traced to the line they come from."""
