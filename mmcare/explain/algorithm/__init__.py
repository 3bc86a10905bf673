"""One method of explanation a file; arrays and tensors in, arrays out."""
