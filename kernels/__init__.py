"""The compiled runtime: kernels and their cache, pointers, vectors, random numbers, threads."""
