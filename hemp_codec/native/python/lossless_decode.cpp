// Decoding of lossless tensors.
#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "bindings.h"
#include "buffers.h"
#include "directory.h"
#include "dtypes.h"
#include "hemp.h"
#include "memory.h"
#include "threads.h"

using namespace nb::literals;

namespace {

// Whether a segment of lossless tensors is undamaged; then its elements are where the parts say.
bool decode_segment(Workspace &workspace, const hemp_lossless &what, const uint8_t *data, size_t size,
                    uint32_t checksum, const std::vector<hemp_part> &parts) {
    if (hemp_crc32(data, size, 0) != checksum) {
        return false;
    }
    const uint64_t need = hemp_lossless_decode_memory(data, size, &what, parts.data(), parts.size());
    return hemp_lossless_decode(data, size, &what, parts.data(), parts.size(), workspace.room(need),
                                static_cast<size_t>(need)) == HEMP_OK;
}

hemp_lossless what_of(const hemp_directory &records, const hemp_stream &stream) {
    return {records.tensors[stream.opener].dtype, stream.coder, stream.coder == 0 ? 0 : stream.coded_planes};
}

// The part of a tensor that begins with element `start`, and where its elements go.
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

struct LosslessTask {
    hemp_lossless what{};
    uint32_t checksum = 0;
    std::unique_ptr<Bytes> data;
    std::vector<std::unique_ptr<WritableBytes>> outs;
    std::vector<hemp_part> parts;
};

void prepare(LosslessTask &task, const Directory &directory, uint64_t stream_number, uint64_t number, nb::handle data,
             nb::handle outs) {
    const hemp_directory &records = directory.records();
    if (stream_number >= records.stream_count || number >= records.streams[stream_number].segment_count) {
        throw nb::index_error("no such segment");
    }
    const hemp_stream &stream = records.streams[stream_number];
    const uint64_t start = number * records.segment_elements;
    uint64_t member = stream.opener;
    task.what = what_of(records, stream);
    task.checksum = records.segments[stream.first_segment + number].checksum;
    task.data = std::make_unique<Bytes>(data);
    for (nb::handle out : outs) {
        while (member < records.tensor_count && records.tensors[member].stream != stream_number) {
            member++;
        }
        task.outs.push_back(std::make_unique<WritableBytes>(out));
        const hemp_tensor &record = directory.tensor_at(member);
        const uint64_t size = task.outs.back()->size() / hemp_dtype_size(record.dtype);
        if (record.quantizer != HEMP_LOSSLESS || start > record.elements || size > record.elements - start) {
            throw nb::value_error("a buffer is larger than what is left of its lossless tensor");
        }
        task.parts.push_back(part_at(records, member, start, size, task.outs.back()->data()));
        member++;
    }
}

// Check and decode segments of lossless streams; how many there were before one that cannot be decoded here.  Each
// task is: number of the stream, number of the segment in it, its bytes, a buffer for the elements of each part.
size_t decode_lossless(const Directory &directory, Workspace &workspace, nb::list task_list) {
    std::vector<LosslessTask> tasks(nb::len(task_list));
    for (size_t i = 0; i < tasks.size(); i++) {
        const nb::tuple fields = nb::cast<nb::tuple>(task_list[i]);
        prepare(tasks[i], directory, nb::cast<uint64_t>(fields[0]), nb::cast<uint64_t>(fields[1]), fields[2],
                fields[3]);
    }
    nb::gil_scoped_release release;
    size_t done = 0;
    while (done < tasks.size() && decode_segment(workspace, tasks[done].what, tasks[done].data->data(),
                                                 tasks[done].data->size(), tasks[done].checksum, tasks[done].parts)) {
        done++;
    }
    return done;
}

// The segments of all lossless tensors that libhemp decodes by itself, in the order of the file, into arrays for all
// tensors.
class LosslessLoad {
  public:
    LosslessLoad(nb::object directory, nb::list arrays)
        : owner_(directory), records_(nb::cast<const Directory &>(directory).records()) {
        if (nb::len(arrays) != records_.tensor_count) {
            throw nb::value_error("there must be an array for each tensor");
        }
        std::vector<std::vector<uint64_t>> members(records_.stream_count);
        for (uint64_t i = 0; i < records_.tensor_count; i++) {
            const hemp_tensor &tensor = records_.tensors[i];
            arrays_.push_back(nullptr);
            if (tensor.stream != HEMP_NONE && is_native(tensor, records_.streams[tensor.stream])) {
                arrays_.back() = std::make_unique<ArrayBytes>(arrays[i]);
                members[tensor.stream].push_back(i);
                if (arrays_.back()->size() != tensor.elements * hemp_dtype_size(tensor.dtype)) {
                    throw nb::value_error("an array has another size than its tensor");
                }
            }
        }
        for (uint64_t i = 0; i < records_.stream_count; i++) {
            for (uint64_t k = 0; k < records_.streams[i].segment_count && !members[i].empty(); k++) {
                add(i, k, members[i]);
            }
        }
    }

    LosslessLoad(const LosslessLoad &) = delete;
    LosslessLoad &operator=(const LosslessLoad &) = delete;

    // Numbers of segments, a begin and an end, their bytes when decoded, and the part of the file that has them: its
    // offset and size.  A batch ends when it has as many bytes as are asked for, in the file or decoded.
    nb::list batches(uint64_t bytes) const {
        nb::list made;
        uint64_t decoded = 0;
        for (size_t i = 0, begin = 0; i < segments_.size(); i++) {
            decoded += segments_[i].decoded;
            const uint64_t offset = record_of(segments_[begin]).offset;
            const size_t next = i + 1;
            if (next == segments_.size() || decoded >= bytes || end_of(segments_[next]) - offset > bytes) {
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
            std::unique_ptr<Workspace> workspace = workspaces_.take();
            for (size_t i = next++; i < order.size() && undamaged; i = next++) {
                if (!decode(*workspace, data, offset, *order[i])) {
                    undamaged = false;
                }
            }
            workspaces_.give(std::move(workspace));
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
        return known && tensor.quantizer == HEMP_LOSSLESS && tensor.num_levels == 256;
    }

    void add(uint64_t stream, uint64_t number, const std::vector<uint64_t> &members) {
        const uint64_t step = records_.segment_elements, start = number * step;
        Segment segment{stream, number, 0, {}};
        for (const uint64_t member : members) {
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

    bool decode(Workspace &workspace, const Bytes &data, uint64_t offset, const Segment &segment) const {
        const hemp_segment &record = record_of(segment);
        if (record.offset < offset || record.offset - offset > data.size() ||
            record.size > data.size() - (record.offset - offset)) {
            return false;
        }
        return decode_segment(workspace, what_of(records_, records_.streams[segment.stream]),
                              data.data() + (record.offset - offset), static_cast<size_t>(record.size), record.checksum,
                              segment.parts);
    }

    nb::object owner_;
    const hemp_directory &records_; // of the owner
    std::vector<std::unique_ptr<ArrayBytes>> arrays_;
    std::vector<Segment> segments_;
    Workspaces workspaces_;
};

} // namespace

void bind_lossless_decode(nb::module_ &module) {
    nb::class_<Workspace>(module, "Workspace").def(nb::init<>());
    module.def("decode_lossless", &decode_lossless, "directory"_a, "workspace"_a, "tasks"_a);
    nb::class_<LosslessLoad>(module, "LosslessLoad")
        .def(nb::init<nb::object, nb::list>(), "directory"_a, "arrays"_a)
        .def("batches", &LosslessLoad::batches, "bytes"_a)
        .def("run", &LosslessLoad::run, "begin"_a, "end"_a, "data"_a, "offset"_a, "threads"_a)
        .def("streams", &LosslessLoad::streams);
}
