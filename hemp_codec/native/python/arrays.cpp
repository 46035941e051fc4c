#include "arrays.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "buffers.h"
#include "hemp.h"

namespace {

constexpr uint64_t MIN_IN_BLOCK = uint64_t{1} << 12;  // bytes of an array: of less, a page has several
constexpr uint64_t MAX_IN_BLOCK = uint64_t{1} << 23;  // ... that is so large that it stands alone
constexpr uint64_t WORTH_A_BLOCK = uint64_t{3} << 19; // of all arrays that may be in one: most of a large page
constexpr uint64_t MIN_REST = uint64_t{1} << 22;      // of the last block, else it joins the one before
constexpr uint64_t LARGE_PAGE = uint64_t{1} << 21;
constexpr uint64_t BLOCK = uint64_t{1} << 24; // bytes after which a block ends
constexpr uint64_t ALIGNMENT = 64;
constexpr uint64_t ROOM = 16; // an array alone gets one part in so many, at most, to end with a large page

// The format has it below 2^62.
uint64_t aligned_size(const hemp_tensor &record) {
    return (record.elements * hemp_dtype_size(record.dtype) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

bool is_large(const hemp_tensor &record) {
    return aligned_size(record) >= MAX_IN_BLOCK;
}

bool is_in_block(const hemp_tensor &record) {
    return !is_large(record) && aligned_size(record) >= MIN_IN_BLOCK;
}

// Bytes of the blocks: none if there is too little for one, and none that is much smaller than the others.
std::vector<uint64_t> block_sizes(const hemp_directory &records) {
    std::vector<uint64_t> sizes{0};
    for (uint64_t i = 0; i < records.tensor_count; i++) {
        if (is_in_block(records.tensors[i])) {
            if (sizes.back() >= BLOCK) {
                sizes.push_back(0);
            }
            sizes.back() += aligned_size(records.tensors[i]);
        }
    }
    if (sizes.size() > 1 && sizes.back() < MIN_REST) {
        const uint64_t rest = sizes.back();
        sizes.pop_back();
        sizes.back() += rest;
    }
    return sizes[0] >= WORTH_A_BLOCK ? sizes : std::vector<uint64_t>{};
}

// Bytes from the end of an array to that of its last large page, if that is little.
uint64_t room_after(uint64_t size) {
    const uint64_t left = LARGE_PAGE - 1 - (size - 1) % LARGE_PAGE;
    return left <= size / ROOM ? left : 0;
}

// Bytes that begin where a large page may.  Of these the system gives large pages, if there are such, and to get a page
// takes more time than to decode into it; up to a thousand small ones stand around what does not begin there.  With the
// room around it every block has the 4 MiB from which on numpy asks for large pages.
class Block {
  public:
    Block(const nb::callable &empty, nb::handle byte, uint64_t size)
        : bytes_(empty(size + LARGE_PAGE, byte)),
          used_(LARGE_PAGE - reinterpret_cast<uintptr_t>(ArrayBytes(bytes_).data()) % LARGE_PAGE) {}

    nb::object take(const nb::callable &array, const nb::tuple &shape, nb::handle dtype, uint64_t size) {
        const uint64_t offset = used_;
        used_ += size;
        return array(shape, dtype, bytes_, offset);
    }

  private:
    nb::object bytes_;
    uint64_t used_;
};

} // namespace

// Small arrays lie in blocks together, each large one in a block of its own.
nb::list allocate_arrays(const Directory &directory, nb::callable empty, nb::callable array, nb::list dtypes) {
    const hemp_directory &records = directory.records();
    const nb::object byte = dtypes[static_cast<size_t>(HEMP_UINT8)];
    const std::vector<uint64_t> blocks = block_sizes(records);
    std::vector<Block> made;
    uint64_t left = 0;
    nb::list arrays;
    for (uint64_t i = 0; i < records.tensor_count; i++) {
        const hemp_tensor &record = records.tensors[i];
        const nb::object dtype = dtypes[record.dtype];
        const uint64_t size = aligned_size(record);
        if (is_large(record)) {
            arrays.append(Block(empty, byte, size + room_after(size)).take(array, directory.shape(i), dtype, size));
        } else if (!blocks.empty() && is_in_block(record)) {
            if (left == 0) {
                left = blocks[made.size()];
                made.emplace_back(empty, byte, left + LARGE_PAGE);
            }
            arrays.append(made.back().take(array, directory.shape(i), dtype, size));
            left -= size;
        } else {
            arrays.append(empty(directory.shape(i), dtype));
        }
    }
    return arrays;
}
