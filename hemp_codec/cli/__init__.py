"""The command line ``hemp``."""

from hemp_codec.cli.main import main

__all__ = ["main"]
