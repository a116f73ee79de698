"""From a picture as a camera, a scanner or a drawing program gives it to digits framed as MNIST's."""
