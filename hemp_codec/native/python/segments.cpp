#include "segments.h"

#include "parts.h"

extern "C" {
#include "elements.h"
#include "levels.h"
}

namespace {

hemp_status decode_payload(Workspace &workspace, uint8_t coder, const uint8_t *payload, size_t size,
                           const std::vector<hemp_part> &parts) {
    if (coder == HEMP_CODER_STORED) {
        return hemp_stored_decode(payload, size, parts.data(), parts.size());
    }
    if (coder == HEMP_CODER_RANS) {
        const uint64_t need = hemp_rans_decode_memory(parts.data(), parts.size());
        return hemp_rans_decode(payload, size, parts.data(), parts.size(), workspace.room(need),
                                static_cast<size_t>(need));
    }
    if (coder == HEMP_CODER_ARITHMETIC) {
        const uint64_t need = hemp_arithmetic_decode_memory(payload, size, parts.data(), parts.size());
        return hemp_arithmetic_decode(payload, size, parts.data(), parts.size(), workspace.room(need),
                                      static_cast<size_t>(need));
    }
    return HEMP_UNSUPPORTED_CODER;
}

// The levels of a tensor, or, if there are fewer `indices`, of these alone.
const uint8_t *levels_for(Desk &desk, const hemp_directory &records, uint64_t number, const hemp_part &indices) {
    const hemp_tensor &record = records.tensors[number];
    uint8_t *table = desk.table.room(uint64_t{record.num_levels} * hemp_dtype_size(record.dtype));
    if (desk.table_of != number) {
        hemp_levels_table(&records, &record, record.dtype, indices.indices, indices.size, table);
        desk.table_of = indices.size < record.num_levels ? HEMP_NONE : number;
    }
    return table;
}

} // namespace

hemp_part part_at(const hemp_directory &records, uint64_t number, uint64_t start, uint64_t size, uint8_t *out) {
    const hemp_tensor &record = records.tensors[number];
    uint64_t dims[HEMP_MAX_RANK];
    hemp_tensor_dims(&records, number, dims);
    hemp_part part{};
    part.num_levels = record.num_levels;
    part.columns = record.rank > 1 && dims[0] > 0 ? record.elements / dims[0] : record.elements;
    part.start = start;
    part.size = size;
    part.indices = out;
    return part;
}

bool decode_lossless_segment(Workspace &workspace, const hemp_directory &records, const SegmentBytes &segment,
                             const std::vector<hemp_part> &parts) {
    const hemp_stream &stream = segment.stream;
    const hemp_lossless what{records.tensors[stream.opener].dtype, stream.coder,
                             stream.coder == HEMP_CODER_STORED ? 0 : stream.coded_planes};
    const uint64_t need = hemp_lossless_decode_memory(segment.data, segment.size, &what, parts.data(), parts.size());
    // The checksum comes last, since decoding fetches the stored planes while it waits for symbols.
    return hemp_lossless_decode(segment.data, segment.size, &what, parts.data(), parts.size(), workspace.room(need),
                                static_cast<size_t>(need)) == HEMP_OK &&
           hemp_crc32(segment.data, segment.size, 0) == segment.checksum;
}

bool decode_quantized_segment(Desk &desk, const hemp_directory &records, const SegmentBytes &segment,
                              const std::vector<hemp_part> &parts, const std::vector<uint64_t> &members) {
    if (hemp_crc32(segment.data, segment.size, 0) != segment.checksum) {
        return false;
    }
    // The indices are decoded to the ends of the arrays, which the elements grow over.
    std::vector<hemp_part> indices = parts;
    for (size_t i = 0; i < parts.size(); i++) {
        const size_t size = hemp_dtype_size(records.tensors[members[i]].dtype);
        indices[i].indices = static_cast<uint8_t *>(parts[i].indices) + parts[i].size * (size - index_size(parts[i]));
    }
    const uint8_t coder = segment.stream.coded_planes == 0 ? uint8_t{HEMP_CODER_STORED} : segment.stream.coder;
    if (decode_payload(desk.scratch, coder, segment.data, segment.size, indices) != HEMP_OK) {
        return false;
    }
    for (size_t i = 0; i < parts.size(); i++) {
        hemp_expand(parts[i].indices, hemp_dtype_size(records.tensors[members[i]].dtype),
                    levels_for(desk, records, members[i], indices[i]), indices[i].indices, index_size(parts[i]) > 1,
                    parts[i].size);
    }
    return true;
}
