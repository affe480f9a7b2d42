"""Models that SageMaker's DeepAR trained, read without MXNet; nothing in them is executed.

SageMaker's model.tar.gz contains three files, an MXNet checkpoint and its configuration:

    model_algo-1-config.json   the job's hyperparameters, as JSON (`configuration`)
    model_algo-1-0000.params   the weights, a list of named arrays (`arrays`)
    model_algo-1-symbol.json   the network for predictions, unrolled: a graph of operators (`graph`, `walk`)

The graph is compared with the known structure node by node, and provides what the configuration lacks: lags, the
default scale, layers, cells, and dropout. `artifact` converts the three into our own neutral model.
"""
