"""HEMP inside other trainers: ``hemp_train.callbacks.lightning`` and ``hemp_train.callbacks.transformers``.

Each imports its framework when it is imported itself; this package imports none.
"""
