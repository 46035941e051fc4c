// Arrays for all tensors of a file.
#pragma once

#include <nanobind/nanobind.h>

#include "directory.h"

namespace nb = nanobind;

// An array for each tensor.  `empty` makes them of a shape and of the entry of `dtypes` for a dtype, `array` in memory
// that is there.
nb::list allocate_arrays(const Directory &directory, nb::callable empty, nb::callable array, nb::list dtypes);
