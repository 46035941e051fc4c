// The parts of hemp_codec._native: each adds its functions and classes.
#pragma once

#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_bytes(nb::module_ &module);
void bind_coders(nb::module_ &module);
void bind_directory(nb::module_ &module);
void bind_load(nb::module_ &module);
void bind_lossless_decode(nb::module_ &module);
void bind_lossless_encode(nb::module_ &module);
void bind_planes(nb::module_ &module);
void bind_quantizers(nb::module_ &module);
