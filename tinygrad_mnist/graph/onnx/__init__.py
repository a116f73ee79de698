"""A recorded program as an ONNX file: the forward pass, and where asked for its gradients, as values and as nodes."""
