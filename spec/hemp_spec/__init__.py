"""The `.hemp` file format, executable: every structure declared once, and a slow decoder in plain Python.

It is written to be read beside ``format.md`` and ``coders.md`` and uses their names; section numbers refer to
``format.md`` unless they are preceded by ``coders``.

    layout      every structure, as a declaration that parses, builds and sizes
    directory   what the records say together: streams, parts, references
    levels      reconstruction levels and lossless planes
    coders      payloads to indices
    reference   ``read``: bytes of a file to tensors
    validate    ``faults``: every broken rule of a file
    conformance levels of files and readers
"""

from hemp_spec.errors import ERRORS, SpecError

FORMAT_VERSION = (0, 1)

__all__ = ["ERRORS", "FORMAT_VERSION", "SpecError"]
