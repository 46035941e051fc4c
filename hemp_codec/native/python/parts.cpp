#include "parts.h"

#include <nanobind/ndarray.h>

#include <new>

namespace {

hemp_part part_of(nb::handle object) {
    hemp_part part{};
    part.num_levels = nb::cast<uint32_t>(object.attr("num_levels"));
    part.columns = nb::cast<uint64_t>(object.attr("columns"));
    part.start = nb::cast<uint64_t>(object.attr("start"));
    part.size = nb::cast<uint64_t>(object.attr("size"));
    if (part.num_levels < 1 || part.num_levels > HEMP_MAX_LEVELS) {
        throw nb::value_error("num_levels must be 1 to 65536");
    }
    if (part.size > (uint64_t{1} << 40)) {
        throw nb::value_error("a part has too many elements");
    }
    return part;
}

} // namespace

std::vector<hemp_part> parts_of(nb::handle list) {
    std::vector<hemp_part> parts;
    for (nb::handle object : list) {
        parts.push_back(part_of(object));
    }
    return parts;
}

size_t index_size(const hemp_part &part) {
    return part.num_levels > 256 ? 2 : 1;
}

nb::object allocate_indices(hemp_part &part) {
    const size_t size = static_cast<size_t>(part.size);
    auto *memory = new uint8_t[size * index_size(part) + 2];
    nb::capsule owner(memory, [](void *p) noexcept { delete[] static_cast<uint8_t *>(p); });
    part.indices = memory;
    if (index_size(part) == 2) {
        auto *values = reinterpret_cast<uint16_t *>(memory);
        return nb::cast(nb::ndarray<nb::numpy, uint16_t, nb::ndim<1>>(values, {size}, owner));
    }
    return nb::cast(nb::ndarray<nb::numpy, uint8_t, nb::ndim<1>>(memory, {size}, owner));
}
