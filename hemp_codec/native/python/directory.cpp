#include "directory.h"

#include <nanobind/stl/string.h>

#include <algorithm>
#include <string>
#include <utility>

#include "arrays.h"
#include "bindings.h"
#include "buffers.h"
#include "errors.h"

using namespace nb::literals;

namespace {

nb::object optional(uint64_t number) {
    return number == HEMP_NONE ? nb::none() : nb::object(nb::int_(number));
}

// The front has been checked, so nothing can run over its end.
uint64_t read_varint(const uint8_t *&at) {
    uint64_t value = 0;
    unsigned shift = 0;
    for (; *at >= 0x80; shift += 7) {
        value |= static_cast<uint64_t>(*at++ & 0x7F) << shift;
    }
    return value | static_cast<uint64_t>(*at++) << shift;
}

nb::str read_text(const uint8_t *&at) {
    const size_t size = static_cast<size_t>(read_varint(at));
    nb::str text(reinterpret_cast<const char *>(at), size);
    at += size;
    return text;
}

uint64_t front_size(nb::handle prefix_object, uint64_t limit) {
    Bytes prefix(prefix_object);
    hemp_place place{0, HEMP_NONE, ""};
    uint64_t size = 0;
    const hemp_status status = hemp_front_size(prefix.data(), prefix.size(), limit, &size, &place);
    if (status == HEMP_BAD_VERSION) {
        const std::string minor = prefix.size() > 9 ? std::to_string(prefix.data()[9]) : "?";
        raise_front("the file has version " + std::to_string(prefix.data()[8]) + "." + minor +
                        " of the format, and this reader knows 0.1 only; use a reader of that version",
                    status, place, nb::none());
    }
    if (status != HEMP_OK) {
        raise_front(sentence(status), status, place, nb::none());
    }
    return size;
}

} // namespace

Directory::Directory(nb::bytes front, nb::object file_size) : front_(std::move(front)) {
    const auto *data = static_cast<const uint8_t *>(front_.data());
    const size_t size = front_.size();
    const uint64_t total = file_size.is_none() ? HEMP_NONE : nb::cast<uint64_t>(file_size);
    hemp_place place{0, HEMP_NONE, ""};
    hemp_status status;
    {
        nb::gil_scoped_release release;
        uint64_t need = 0;
        status = hemp_directory_memory(data, size, &need, &place);
        if (status == HEMP_OK) {
            memory_ = allocate_scratch(need);
            status =
                hemp_read_directory(&directory_, data, size, total, memory_.get(), static_cast<size_t>(need), &place);
        }
    }
    if (status != HEMP_OK) {
        raise_front(sentence(status), status, place, name_at(place));
    }
}

nb::list Directory::names() const {
    nb::list result;
    for (uint64_t i = 0; i < directory_.tensor_count; i++) {
        result.append(name(i));
    }
    return result;
}

nb::tuple Directory::tensor(uint64_t number) const {
    const hemp_tensor &record = tensor_at(number);
    return nb::make_tuple(name(number), static_cast<unsigned>(record.dtype), shape(number), record.elements,
                          static_cast<unsigned>(record.quantizer), record.num_levels,
                          static_cast<unsigned>(record.levels_type), record.levels_offset, record.uniform_offset,
                          optional(record.stream), record.stream_start, optional(record.source));
}

nb::tuple Directory::stream(uint64_t number) const {
    if (number >= directory_.stream_count) {
        throw nb::index_error("no such stream");
    }
    const hemp_stream &record = directory_.streams[number];
    return nb::make_tuple(static_cast<unsigned>(record.coder), record.coded_planes,
                          static_cast<unsigned>(record.planes), record.first_segment, record.segment_count,
                          record.elements, record.opener, record.solid != 0);
}

nb::tuple Directory::segment(uint64_t number) const {
    if (number >= directory_.segment_count) {
        throw nb::index_error("no such segment");
    }
    const hemp_segment &record = directory_.segments[number];
    return nb::make_tuple(record.offset, record.size, record.checksum);
}

bool Directory::all_in_streams() const {
    return std::all_of(directory_.tensors, directory_.tensors + directory_.tensor_count,
                       [](const hemp_tensor &tensor) { return tensor.stream != HEMP_NONE || tensor.elements == 0; });
}

nb::list Directory::stream_tensors(uint64_t number) const {
    if (number >= directory_.stream_count) {
        throw nb::index_error("no such stream");
    }
    const hemp_stream &record = directory_.streams[number];
    uint64_t found = 0;
    nb::list result;
    for (uint64_t i = record.opener; i < directory_.tensor_count && found < record.elements; i++) {
        if (directory_.tensors[i].stream == number) {
            found += directory_.tensors[i].elements;
            result.append(i);
        }
    }
    return result;
}

uint64_t Directory::stream_size(uint64_t number) const {
    if (number >= directory_.stream_count) {
        throw nb::index_error("no such stream");
    }
    const hemp_stream &record = directory_.streams[number];
    const hemp_segment &last = directory_.segments[record.first_segment + record.segment_count - 1];
    return last.offset + last.size - directory_.segments[record.first_segment].offset;
}

uint64_t Directory::decoded_size() const {
    uint64_t total = 0;
    for (uint64_t i = 0; i < directory_.tensor_count; i++) {
        const uint64_t size = directory_.tensors[i].elements * hemp_dtype_size(directory_.tensors[i].dtype);
        total = size > UINT64_MAX - total ? UINT64_MAX : total + size;
    }
    return total;
}

uint64_t Directory::arithmetic_symbols() const {
    uint64_t total = 0;
    for (uint64_t i = 0; i < directory_.stream_count; i++) {
        const hemp_stream &stream = directory_.streams[i];
        total += stream.coder == HEMP_CODER_ARITHMETIC ? stream.elements * stream.planes : 0;
    }
    return total;
}

nb::dict Directory::metadata() const {
    nb::dict result;
    uint64_t size = 0;
    const uint8_t *at = hemp_find_chunk(&directory_, HEMP_CHUNK_METADATA, &size);
    if (at == nullptr) {
        return result;
    }
    for (uint64_t count = read_varint(at); count > 0; count--) {
        nb::str key = read_text(at);
        result[key] = read_text(at);
    }
    return result;
}

nb::object Directory::source_hash() const {
    uint64_t size = 0;
    const uint8_t *at = hemp_find_chunk(&directory_, HEMP_CHUNK_SOURCE, &size);
    if (at == nullptr) {
        return nb::none();
    }
    return nb::bytes(reinterpret_cast<const char *>(at + 1), HEMP_SOURCE_SIZE - 1);
}

const hemp_tensor &Directory::tensor_at(uint64_t number) const {
    if (number >= directory_.tensor_count) {
        throw nb::index_error("no such tensor");
    }
    return directory_.tensors[number];
}

nb::tuple Directory::shape(uint64_t number) const {
    uint64_t dims[HEMP_MAX_RANK];
    hemp_tensor_dims(&directory_, number, dims);
    nb::list shape;
    for (unsigned i = 0; i < directory_.tensors[number].rank; i++) {
        shape.append(dims[i]);
    }
    return nb::tuple(shape);
}

nb::str Directory::name(uint64_t number) const {
    const hemp_tensor &record = tensor_at(number);
    return nb::str(reinterpret_cast<const char *>(directory_.front + record.name_offset), record.name_size);
}

nb::object Directory::name_at(const hemp_place &place) const {
    if (place.tensor == HEMP_NONE) {
        return nb::none();
    }
    const hemp_tensor &record = directory_.tensors[place.tensor];
    if (record.name_size == 0) {
        return nb::none();
    }
    return nb::str(reinterpret_cast<const char *>(directory_.front + record.name_offset), record.name_size);
}

void bind_directory(nb::module_ &module) {
    module.attr("FRONT_PREFIX") = static_cast<unsigned>(HEMP_FRONT_PREFIX);
    module.def("front_size", &front_size, "prefix"_a, "limit"_a);
    nb::class_<Directory>(module, "Directory")
        .def(nb::init<nb::bytes, nb::object>(), "front"_a, "file_size"_a.none())
        .def("names", &Directory::names)
        .def("tensor", &Directory::tensor, "number"_a)
        .def("stream", &Directory::stream, "number"_a)
        .def("segment", &Directory::segment, "number"_a)
        .def("stream_tensors", &Directory::stream_tensors, "number"_a)
        .def("stream_size", &Directory::stream_size, "number"_a)
        .def("all_in_streams", &Directory::all_in_streams)
        .def("decoded_size", &Directory::decoded_size)
        .def("arithmetic_symbols", &Directory::arithmetic_symbols)
        .def("metadata", &Directory::metadata)
        .def("source_hash", &Directory::source_hash)
        .def_prop_ro("front", &Directory::front)
        .def_prop_ro("tensor_count", &Directory::tensor_count)
        .def_prop_ro("stream_count", &Directory::stream_count)
        .def_prop_ro("segment_count", &Directory::segment_count)
        .def_prop_ro("body_offset", &Directory::body_offset)
        .def_prop_ro("segment_elements", &Directory::segment_elements);
    module.def("allocate_arrays", &allocate_arrays, "directory"_a, "empty"_a, "array"_a, "dtypes"_a);
}
