// hemp_codec._native: libhemp for Python.  Arguments are checked here; whatever works on data runs without the GIL.
#include <nanobind/nanobind.h>

#include "bindings.h"

NB_MODULE(_native, module) {
    bind_coders(module);
    bind_planes(module);
    bind_quantizers(module);
    bind_bytes(module);
    bind_directory(module);
    bind_lossless_encode(module);
    bind_lossless_decode(module);
    bind_load(module);
}
