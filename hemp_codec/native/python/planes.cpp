// Byte planes of elements.
#include <memory>
#include <vector>

#include "bindings.h"
#include "buffers.h"
#include "dtypes.h"
#include "hemp.h"
#include "hemp_encode.h"
#include "parts.h"

using namespace nb::literals;

namespace {

nb::list planes_split(unsigned dtype, nb::handle data, uint64_t elements) {
    const uint32_t size = known_dtype_size(dtype);
    Bytes bytes(data);
    if (bytes.size() / size != elements || bytes.size() % size != 0) {
        throw nb::value_error("the data must be exactly `elements` elements of the dtype");
    }
    std::vector<uint8_t *> planes;
    nb::list arrays;
    for (uint32_t p = 0; p < size; p++) {
        hemp_part part{};
        part.num_levels = 256;
        part.size = elements;
        arrays.append(allocate_indices(part));
        planes.push_back(static_cast<uint8_t *>(part.indices));
    }
    nb::gil_scoped_release release;
    hemp_planes_split(static_cast<uint8_t>(dtype), bytes.data(), elements, planes.data());
    return arrays;
}

void planes_join_into(unsigned dtype, nb::handle plane_list, nb::handle out) {
    const uint32_t size = known_dtype_size(dtype);
    std::vector<std::unique_ptr<Bytes>> views;
    std::vector<const uint8_t *> planes;
    for (nb::handle plane : plane_list) {
        views.push_back(std::make_unique<Bytes>(plane));
        planes.push_back(views.back()->data());
    }
    WritableBytes target(out);
    const bool right_count = planes.size() == size;
    for (const auto &view : views) {
        if (!right_count || target.size() / size != view->size() || target.size() % size != 0) {
            throw nb::value_error("there must be one plane for each byte of an element, and room for all elements");
        }
    }
    if (!right_count) {
        throw nb::value_error("there must be one plane for each byte of an element");
    }
    nb::gil_scoped_release release;
    hemp_planes_join(static_cast<uint8_t>(dtype), planes.data(), target.size() / size, target.data());
}

nb::object planes_join(unsigned dtype, nb::handle plane_list) {
    const uint32_t size = known_dtype_size(dtype);
    if (nb::len(plane_list) != size) {
        throw nb::value_error("there must be one plane for each byte of an element");
    }
    hemp_part part{};
    part.num_levels = 256;
    part.size = Bytes(plane_list[0]).size() * size;
    nb::object array = allocate_indices(part);
    planes_join_into(dtype, plane_list, array);
    return array;
}

} // namespace

void bind_planes(nb::module_ &module) {
    module.def("planes_split", &planes_split, "dtype_number"_a, "data"_a, "elements"_a);
    module.def("planes_join", &planes_join, "dtype_number"_a, "planes"_a);
    module.def("planes_join_into", &planes_join_into, "dtype_number"_a, "planes"_a, "out"_a);
}
