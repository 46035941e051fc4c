// Segments that are in memory, decoded into the elements of tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "hemp.h"
#include "memory.h"

// What one thread needs, for one segment after the other.
struct Desk {
    Workspace scratch;
    Workspace table;
    uint64_t table_of = HEMP_NONE; // number of the tensor all of whose levels are in the table
};

// A segment, and what a file says of it.
struct SegmentBytes {
    const hemp_stream &stream;
    uint32_t checksum;
    const uint8_t *data;
    size_t size;
};

// The part of a tensor that begins with element `start`, and where its elements go.
hemp_part part_at(const hemp_directory &records, uint64_t number, uint64_t start, uint64_t size, uint8_t *out);

// Whether a segment of lossless tensors is undamaged; then its elements are where the parts say.
bool decode_lossless_segment(Workspace &workspace, const hemp_directory &records, const SegmentBytes &segment,
                             const std::vector<hemp_part> &parts);

// The same for quantized tensors.  `members` are the numbers of the tensors that have the parts.
bool decode_quantized_segment(Desk &desk, const hemp_directory &records, const SegmentBytes &segment,
                              const std::vector<hemp_part> &parts, const std::vector<uint64_t> &members);
