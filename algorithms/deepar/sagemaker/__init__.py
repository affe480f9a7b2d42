"""Models that SageMaker's DeepAR trained, read without MXNet; nothing in them is executed.

A model.tar.gz of SageMaker's contains three files, an MXNet checkpoint and its configuration:

    model_algo-1-config.json   what the job was given, as JSON (`configuration`)
    model_algo-1-0000.params   the weights, a list of named arrays (`arrays`)
    model_algo-1-symbol.json   the network for predictions, unrolled: a graph of operators (`graph`, `walk`)

The graph is compared with the known shape node by node, and gives what the configuration lacks: lags, the default
scale, layers, cells, and dropout. `artifact` makes our own neutral model of the three.
"""
