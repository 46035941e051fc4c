// Decoding of single segments of lossless tensors.
#include <memory>
#include <vector>

#include "bindings.h"
#include "buffers.h"
#include "directory.h"
#include "hemp.h"
#include "memory.h"
#include "segments.h"

using namespace nb::literals;

namespace {

struct LosslessTask {
    const hemp_stream *stream = nullptr;
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
    task.stream = &stream;
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
    for (const LosslessTask &task : tasks) {
        const SegmentBytes segment{*task.stream, task.checksum, task.data->data(), task.data->size()};
        if (!decode_lossless_segment(workspace, directory.records(), segment, task.parts)) {
            break;
        }
        done++;
    }
    return done;
}

} // namespace

void bind_lossless_decode(nb::module_ &module) {
    nb::class_<Workspace>(module, "Workspace").def(nb::init<>());
    module.def("decode_lossless", &decode_lossless, "directory"_a, "workspace"_a, "tasks"_a);
}
