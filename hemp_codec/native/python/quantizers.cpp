// What the quantizers leave to libhemp.
#include <nanobind/stl/vector.h>

#include <vector>

#include "bindings.h"
#include "buffers.h"
#include "hemp.h"
#include "hemp_encode.h"
#include "memory.h"

using namespace nb::literals;

namespace {

std::vector<uint32_t> optimal_cuts(nb::handle means, nb::handle weights, uint32_t num_levels, bool pin_zero) {
    Bytes mean_bytes(means), weight_bytes(weights);
    const size_t points = mean_bytes.size() / sizeof(double);
    if (mean_bytes.size() != points * sizeof(double) || weight_bytes.size() != mean_bytes.size() ||
        points > UINT32_MAX) {
        throw nb::value_error("means and weights must be float64 arrays of the same size");
    }
    if (num_levels == 0 || num_levels > points) {
        throw nb::value_error("num_levels must be 1 to the number of points");
    }
    std::vector<uint32_t> cuts(size_t{num_levels} + 1);
    hemp_status status;
    {
        nb::gil_scoped_release release;
        const uint64_t need = hemp_optimal_cuts_memory(static_cast<uint32_t>(points), num_levels, pin_zero);
        Scratch memory = allocate_scratch(need);
        status = hemp_optimal_cuts(reinterpret_cast<const double *>(mean_bytes.data()),
                                   reinterpret_cast<const double *>(weight_bytes.data()), static_cast<uint32_t>(points),
                                   num_levels, pin_zero, cuts.data(), memory.get(), static_cast<size_t>(need));
    }
    if (status != HEMP_OK) {
        throw nb::value_error(hemp_status_name(status));
    }
    return cuts;
}

} // namespace

void bind_quantizers(nb::module_ &module) {
    module.def("optimal_cuts", &optimal_cuts, "means"_a, "weights"_a, "num_levels"_a, "pin_zero"_a);
}
