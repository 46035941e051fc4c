"""Checkpoints of other formats: reading and writing ``.safetensors``, PyTorch, ``.npz``, Hugging Face shards.

``load`` gives the tensors in the order of the source and reads each when it is asked for; ``save`` writes tensors, and
``convert`` those of a ``.hemp`` file.  The format is chosen by the ending of the file's name.
"""

from hemp_codec.checkpoints.checkpoint import Checkpoint
from hemp_codec.checkpoints.formats import convert, holds_metadata, load, readable, save, writable

__all__ = ["Checkpoint", "convert", "holds_metadata", "load", "readable", "save", "writable"]
