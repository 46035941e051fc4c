// Decoding of all tensors of a file.
#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "bindings.h"
#include "buffers.h"
#include "directory.h"
#include "hemp.h"
#include "memory.h"
#include "segments.h"
#include "threads.h"

using namespace nb::literals;

namespace {

// The segments of all tensors that libhemp decodes by itself, in the order of the file, into arrays for all tensors.
class Load {
  public:
    Load(nb::object directory, nb::list arrays)
        : owner_(directory), records_(nb::cast<const Directory &>(directory).records()) {
        if (nb::len(arrays) != records_.tensor_count) {
            throw nb::value_error("there must be an array for each tensor");
        }
        members_.resize(records_.stream_count);
        for (uint64_t i = 0; i < records_.tensor_count; i++) {
            const hemp_tensor &tensor = records_.tensors[i];
            arrays_.push_back(nullptr);
            if (tensor.stream != HEMP_NONE && is_native(tensor, records_.streams[tensor.stream])) {
                arrays_.back() = std::make_unique<ArrayBytes>(arrays[i]);
                members_[tensor.stream].push_back(i);
                if (arrays_.back()->size() != tensor.elements * hemp_dtype_size(tensor.dtype)) {
                    throw nb::value_error("an array has another size than its tensor");
                }
            }
        }
        for (uint64_t i = 0; i < records_.stream_count; i++) {
            for (uint64_t k = 0; k < records_.streams[i].segment_count && !members_[i].empty(); k++) {
                add(i, k);
            }
        }
    }

    Load(const Load &) = delete;
    Load &operator=(const Load &) = delete;

    // Numbers of segments, a begin and an end, their bytes when decoded, and the part of the file that has them: its
    // offset and size.  A batch ends when it has as many bytes of the file as are asked for, or so many decoded for
    // each thread.
    nb::list batches(uint64_t bytes, size_t threads) const {
        if (threads == 0) {
            throw nb::value_error("there must be a thread");
        }
        nb::list made;
        uint64_t decoded = 0;
        for (size_t i = 0, begin = 0; i < segments_.size(); i++) {
            decoded += segments_[i].decoded;
            const uint64_t offset = record_of(segments_[begin]).offset;
            const size_t next = i + 1;
            if (next == segments_.size() || decoded / threads >= bytes || end_of(segments_[next]) - offset > bytes) {
                made.append(nb::make_tuple(begin, next, decoded, offset, end_of(segments_[i]) - offset));
                begin = next;
                decoded = 0;
            }
        }
        return made;
    }

    // Check and decode the segments [begin, end), the largest first, so that threads end together; whether none is
    // damaged.  `data` is what the file has from `offset` on.
    bool run(size_t begin, size_t end, nb::handle data_object, uint64_t offset, size_t threads) {
        if (begin > end || end > segments_.size()) {
            throw nb::index_error("no such segments");
        }
        const Bytes data(data_object);
        nb::gil_scoped_release release;
        std::vector<const Segment *> order;
        for (size_t i = begin; i < end; i++) {
            order.push_back(&segments_[i]);
        }
        std::stable_sort(order.begin(), order.end(),
                         [](const Segment *a, const Segment *b) { return a->decoded > b->decoded; });
        std::atomic<size_t> next{0};
        std::atomic<bool> undamaged{true};
        uint64_t decoded = 0;
        for (const Segment *segment : order) {
            decoded += segment->decoded;
        }
        const uint64_t count = std::min<uint64_t>({threads, order.size(), decoded / WORTH_A_THREAD});
        in_threads(count, [&](size_t) {
            std::unique_ptr<Desk> desk = desks_.take();
            for (size_t i = next++; i < order.size() && undamaged; i = next++) {
                if (!decode(*desk, data, offset, *order[i])) {
                    undamaged = false;
                }
            }
            desks_.give(std::move(desk));
        });
        return undamaged;
    }

    // Numbers of the streams.
    nb::list streams() const {
        nb::list numbers;
        for (const Segment &segment : segments_) {
            if (segment.number == 0) {
                numbers.append(segment.stream);
            }
        }
        return numbers;
    }

  private:
    static constexpr uint64_t WORTH_A_THREAD = uint64_t{1} << 20; // bytes: for less, to start it takes too long

    struct Segment {
        uint64_t stream, number, decoded;
        std::vector<hemp_part> parts;
    };

    static bool is_native(const hemp_tensor &tensor, const hemp_stream &stream) {
        const bool known = stream.coder == HEMP_CODER_STORED || stream.coder == HEMP_CODER_ARITHMETIC ||
                           stream.coder == HEMP_CODER_RANS;
        return known && (tensor.quantizer != HEMP_LOSSLESS || tensor.num_levels == 256);
    }

    void add(uint64_t stream, uint64_t number) {
        const uint64_t step = records_.segment_elements, start = number * step;
        Segment segment{stream, number, 0, {}};
        for (const uint64_t member : members_[stream]) {
            const hemp_tensor &tensor = records_.tensors[member];
            const uint64_t left = tensor.elements - start;
            segment.parts.push_back(part_at(records_, member, start, left < step ? left : step,
                                            arrays_[member]->data() + start * hemp_dtype_size(tensor.dtype)));
            segment.decoded += segment.parts.back().size * hemp_dtype_size(tensor.dtype);
        }
        segments_.push_back(std::move(segment));
    }

    const hemp_segment &record_of(const Segment &segment) const {
        const hemp_stream &stream = records_.streams[segment.stream];
        return records_.segments[stream.first_segment + segment.number];
    }

    uint64_t end_of(const Segment &segment) const {
        return record_of(segment).offset + record_of(segment).size;
    }

    bool decode(Desk &desk, const Bytes &data, uint64_t offset, const Segment &segment) const {
        const hemp_segment &record = record_of(segment);
        if (record.offset < offset || record.offset - offset > data.size() ||
            record.size > data.size() - (record.offset - offset)) {
            return false;
        }
        const hemp_stream &stream = records_.streams[segment.stream];
        const SegmentBytes bytes{stream, record.checksum, data.data() + (record.offset - offset),
                                 static_cast<size_t>(record.size)};
        return records_.tensors[stream.opener].quantizer == HEMP_LOSSLESS
                   ? decode_lossless_segment(desk.scratch, records_, bytes, segment.parts)
                   : decode_quantized_segment(desk, records_, bytes, segment.parts, members_[segment.stream]);
    }

    nb::object owner_;
    const hemp_directory &records_; // of the owner
    std::vector<std::unique_ptr<ArrayBytes>> arrays_;
    std::vector<std::vector<uint64_t>> members_; // of each stream: numbers of its tensors
    std::vector<Segment> segments_;
    Pool<Desk> desks_;
};

} // namespace

void bind_load(nb::module_ &module) {
    nb::class_<Load>(module, "Load")
        .def(nb::init<nb::object, nb::list>(), "directory"_a, "arrays"_a)
        .def("batches", &Load::batches, "bytes"_a, "threads"_a)
        .def("run", &Load::run, "begin"_a, "end"_a, "data"_a, "offset"_a, "threads"_a)
        .def("streams", &Load::streams);
}
