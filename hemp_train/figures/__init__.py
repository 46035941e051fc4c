"""Figures and tables about the methods: ``python -m hemp_train.figures --help``."""
