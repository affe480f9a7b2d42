"""Our own trainer: the network, its gradients and the optimiser in compiled kernels."""
