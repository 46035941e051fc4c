// Parts of streams, and arrays of indices for them.
#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>
#include <vector>

#include "hemp.h"

namespace nb = nanobind;

// All parts, checked, without indices.
std::vector<hemp_part> parts_of(nb::handle list);

// Bytes of an index.
size_t index_size(const hemp_part &part);

// A new 1-D numpy array for the indices of a part, which then points to it.
nb::object allocate_indices(hemp_part &part);
