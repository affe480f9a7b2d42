"""Our own trainer: the network, its gradients and the optimisers in compiled kernels."""
