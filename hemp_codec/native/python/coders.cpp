// The coders of indices.
#include <nanobind/stl/vector.h>

#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "bindings.h"
#include "buffers.h"
#include "errors.h"
#include "hemp.h"
#include "hemp_encode.h"
#include "memory.h"
#include "parts.h"

using namespace nb::literals;

namespace {

template <typename Decode> nb::list decode(nb::handle payload_object, nb::handle part_list, Decode call) {
    Bytes payload(payload_object);
    std::vector<hemp_part> parts = parts_of(part_list);
    nb::list arrays;
    for (hemp_part &part : parts) {
        arrays.append(allocate_indices(part));
    }
    hemp_status status;
    {
        nb::gil_scoped_release release;
        status = call(payload, parts);
    }
    if (status != HEMP_OK) {
        raise_payload(status);
    }
    return arrays;
}

nb::list stored_decode(nb::handle payload, nb::handle parts) {
    return decode(payload, parts, [](const Bytes &bytes, const std::vector<hemp_part> &list) {
        return hemp_stored_decode(bytes.data(), bytes.size(), list.data(), list.size());
    });
}

nb::list rans_decode(nb::handle payload, nb::handle parts) {
    return decode(payload, parts, [](const Bytes &bytes, const std::vector<hemp_part> &list) {
        const uint64_t need = hemp_rans_decode_memory(list.data(), list.size());
        Scratch memory = allocate_scratch(need);
        return hemp_rans_decode(bytes.data(), bytes.size(), list.data(), list.size(), memory.get(),
                                static_cast<size_t>(need));
    });
}

nb::list arithmetic_decode(nb::handle payload, nb::handle parts) {
    return decode(payload, parts, [](const Bytes &bytes, const std::vector<hemp_part> &list) {
        const uint64_t need = hemp_arithmetic_decode_memory(bytes.data(), bytes.size(), list.data(), list.size());
        Scratch memory = allocate_scratch(need);
        return hemp_arithmetic_decode(bytes.data(), bytes.size(), list.data(), list.size(), memory.get(),
                                      static_cast<size_t>(need));
    });
}

// Call with one array of indices for each part.
template <typename Call> void with_indices(nb::handle arrays, nb::handle part_list, Call call) {
    std::vector<hemp_part> parts = parts_of(part_list);
    std::vector<std::unique_ptr<Bytes>> views;
    for (nb::handle array : arrays) {
        views.push_back(std::make_unique<Bytes>(array));
    }
    if (views.size() != parts.size()) {
        throw nb::value_error("there must be one array of indices for each part");
    }
    for (size_t i = 0; i < parts.size(); i++) {
        if (views[i]->size() != parts[i].size * index_size(parts[i])) {
            throw nb::value_error("an array of indices has another size than its part; "
                                  "it must be uint8 up to 256 levels, else uint16");
        }
        parts[i].indices = const_cast<uint8_t *>(views[i]->data());
    }
    hemp_status status;
    {
        nb::gil_scoped_release release;
        status = call(parts);
    }
    if (status == HEMP_BAD_INDEX) {
        throw nb::value_error("an index is not below num_levels");
    }
    if (status != HEMP_OK) {
        raise_payload(status);
    }
}

template <typename Encode> nb::bytes encode(nb::handle arrays, nb::handle part_list, Encode call) {
    std::unique_ptr<uint8_t[]> payload;
    size_t size = 0;
    with_indices(arrays, part_list, [&](const std::vector<hemp_part> &parts) { return call(parts, payload, size); });
    return nb::bytes(reinterpret_cast<const char *>(payload.get()), size);
}

std::unique_ptr<uint8_t[]> allocate_payload(uint64_t bytes) {
    if (bytes > (uint64_t{1} << 48)) {
        throw std::bad_alloc();
    }
    return std::unique_ptr<uint8_t[]>(new uint8_t[static_cast<size_t>(bytes) + 1]);
}

nb::bytes stored_encode(nb::handle indices, nb::handle parts) {
    return encode(
        indices, parts, [](const std::vector<hemp_part> &list, std::unique_ptr<uint8_t[]> &payload, size_t &size) {
            const uint64_t bound = hemp_stored_size(list.data(), list.size());
            payload = allocate_payload(bound);
            return hemp_stored_encode(list.data(), list.size(), payload.get(), static_cast<size_t>(bound), &size);
        });
}

nb::bytes rans_encode(nb::handle indices, nb::handle parts) {
    return encode(indices, parts,
                  [](const std::vector<hemp_part> &list, std::unique_ptr<uint8_t[]> &payload, size_t &size) {
                      const uint64_t bound = hemp_rans_encode_bound(list.data(), list.size());
                      const uint64_t need = hemp_rans_encode_memory(list.data(), list.size());
                      payload = allocate_payload(bound);
                      Scratch memory = allocate_scratch(need);
                      return hemp_rans_encode(list.data(), list.size(), payload.get(), static_cast<size_t>(bound),
                                              &size, memory.get(), static_cast<size_t>(need));
                  });
}

nb::bytes arithmetic_encode(nb::handle indices, nb::handle parts, int mode) {
    return encode(
        indices, parts, [mode](const std::vector<hemp_part> &list, std::unique_ptr<uint8_t[]> &payload, size_t &size) {
            const uint64_t bound = hemp_arithmetic_encode_bound(list.data(), list.size());
            const uint64_t need = hemp_arithmetic_encode_memory(list.data(), list.size(), mode);
            payload = allocate_payload(bound);
            Scratch memory = allocate_scratch(need);
            return hemp_arithmetic_encode(list.data(), list.size(), mode, payload.get(), static_cast<size_t>(bound),
                                          &size, memory.get(), static_cast<size_t>(need));
        });
}

double rans_estimate(nb::handle indices, nb::handle parts) {
    double bits = 0;
    with_indices(indices, parts, [&](const std::vector<hemp_part> &list) {
        const uint64_t need = hemp_rans_estimate_memory(list.data(), list.size());
        Scratch memory = allocate_scratch(need);
        return hemp_rans_estimate(list.data(), list.size(), &bits, memory.get(), static_cast<size_t>(need));
    });
    return bits;
}

double arithmetic_estimate(nb::handle indices, nb::handle parts, int mode) {
    uint64_t bits = 0;
    with_indices(indices, parts, [&](const std::vector<hemp_part> &list) {
        const uint64_t need = hemp_arithmetic_encode_memory(list.data(), list.size(), mode);
        Scratch memory = allocate_scratch(need);
        return hemp_arithmetic_estimate(list.data(), list.size(), mode, &bits, memory.get(), static_cast<size_t>(need));
    });
    return static_cast<double>(bits);
}

uint64_t payload_work(uint8_t coder, nb::handle payload, uint64_t elements) {
    const Bytes bytes(payload);
    return hemp_payload_work(coder, bytes.data(), bytes.size(), elements);
}

uint64_t stored_size(nb::handle part_list) {
    const std::vector<hemp_part> parts = parts_of(part_list);
    return hemp_stored_size(parts.data(), parts.size());
}

} // namespace

void bind_coders(nb::module_ &module) {
    module.def("stored_decode", &stored_decode, "payload"_a, "parts"_a);
    module.def("rans_decode", &rans_decode, "payload"_a, "parts"_a);
    module.def("arithmetic_decode", &arithmetic_decode, "payload"_a, "parts"_a);
    module.def("stored_encode", &stored_encode, "indices"_a, "parts"_a);
    module.def("rans_encode", &rans_encode, "indices"_a, "parts"_a);
    module.def("arithmetic_encode", &arithmetic_encode, "indices"_a, "parts"_a, "mode"_a);
    module.def("rans_estimate", &rans_estimate, "indices"_a, "parts"_a);
    module.def("arithmetic_estimate", &arithmetic_estimate, "indices"_a, "parts"_a, "mode"_a);
    module.def("payload_work", &payload_work, "coder"_a, "payload"_a, "elements"_a);
    module.def("stored_size", &stored_size, "parts"_a);
}
