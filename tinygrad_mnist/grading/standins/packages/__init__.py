"""What packages have that does something: data, splits, pictures, progress bars that are gone through."""
