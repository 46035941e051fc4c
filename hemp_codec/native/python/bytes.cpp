// Bytes, whatever they mean: to put them together, and their checksum.
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <algorithm>
#include <cstring>
#include <memory>

#include "bindings.h"
#include "buffers.h"
#include "hemp.h"
#include "threads.h"

using namespace nb::literals;

namespace {

// Ask for huge pages, as numpy does for its large arrays: to get many small ones takes longer than to fill them.
void advise_huge_pages(uint8_t *memory, size_t size) {
#ifdef MADV_HUGEPAGE
    constexpr size_t worth = size_t{1} << 22, page = 4096;
    if (size >= worth) {
        const size_t skipped = page - reinterpret_cast<uintptr_t>(memory) % page;
        madvise(memory + skipped, (size - skipped) / page * page, MADV_HUGEPAGE);
    }
#else
    (void)memory, (void)size;
#endif
}

// Copy the bytes [begin, end) of all pieces in a row to `out`, where the first of all would stand.
void copy_range(const Views &pieces, uint8_t *out, size_t begin, size_t end) {
    size_t start = 0;
    for (const auto &piece : pieces) {
        const size_t stop = start + piece->size();
        const size_t first = std::max(start, begin), last = std::min(stop, end);
        if (first < last) {
            std::memcpy(out + first, piece->data() + (first - start), last - first);
        }
        start = stop;
    }
}

nb::bytes join(nb::list pieces, size_t threads) {
    constexpr size_t worth = size_t{1} << 22; // bytes for each thread
    Views views;
    size_t size = 0;
    for (nb::handle piece : pieces) {
        views.push_back(std::make_unique<Bytes>(piece));
        size += views.back()->size();
    }
    nb::object joined = nb::steal(PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size)));
    if (!joined.is_valid()) {
        throw nb::python_error();
    }
    auto *out = reinterpret_cast<uint8_t *>(PyBytes_AsString(joined.ptr()));
    {
        nb::gil_scoped_release release;
        advise_huge_pages(out, size);
        const size_t count = std::max(size_t{1}, std::min(threads, size / worth));
        in_threads(count, [&](size_t i) {
            copy_range(views, out, size / count * i, i + 1 == count ? size : size / count * (i + 1));
        });
    }
    return nb::borrow<nb::bytes>(joined);
}

uint32_t crc32(nb::handle data, uint32_t crc) {
    Bytes bytes(data);
    nb::gil_scoped_release release;
    return hemp_crc32(bytes.data(), bytes.size(), crc);
}

} // namespace

void bind_bytes(nb::module_ &module) {
    module.def("join", &join, "pieces"_a, "threads"_a);
    module.def("crc32", &crc32, "data"_a, "crc"_a = 0);
}
