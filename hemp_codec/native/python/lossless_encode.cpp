// Encoding of lossless tensors.
#include <nanobind/ndarray.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include "bindings.h"
#include "buffers.h"
#include "dtypes.h"
#include "errors.h"
#include "hemp.h"
#include "hemp_encode.h"
#include "memory.h"
#include "threads.h"

using namespace nb::literals;

namespace {

// One segment of lossless tensors: the elements of each part, and the coded planes or None.
struct LosslessSegment {
    explicit LosslessSegment(nb::handle object) {
        const nb::tuple fields = nb::cast<nb::tuple>(object);
        dtype = static_cast<uint8_t>(nb::cast<unsigned>(fields[0]));
        const uint32_t size = known_dtype_size(nb::cast<unsigned>(fields[0]));
        for (nb::handle member : nb::cast<nb::list>(fields[1])) {
            const nb::tuple values = nb::cast<nb::tuple>(member);
            views.push_back(std::make_unique<Bytes>(values[0]));
            hemp_part part{};
            part.num_levels = 256;
            part.columns = nb::cast<uint64_t>(values[1]);
            part.start = nb::cast<uint64_t>(values[2]);
            part.size = views.back()->size() / size;
            part.indices = const_cast<uint8_t *>(views.back()->data());
            if (views.back()->size() != part.size * size) {
                throw nb::value_error("the data must be whole elements of the dtype");
            }
            parts.push_back(part);
        }
        is_fixed = !fields[2].is_none();
        planes = is_fixed ? nb::cast<uint32_t>(fields[2]) : 0;
    }

    uint64_t bound() const {
        return hemp_lossless_encode_bound(dtype, parts.data(), parts.size());
    }
    uint64_t memory() const {
        return hemp_lossless_encode_memory(dtype, parts.data(), parts.size());
    }

    // Make the segment at `out`, where there is room for its bound.
    hemp_status encode(uint8_t *out, uint8_t *memory_room) {
        if (!is_fixed) {
            planes = hemp_lossless_promising(dtype, parts.data(), parts.size());
        }
        const hemp_status status =
            hemp_lossless_encode(dtype, parts.data(), parts.size(), &planes, is_fixed, out,
                                 static_cast<size_t>(bound()), &size, memory_room, static_cast<size_t>(memory()));
        checksum = status == HEMP_OK ? hemp_crc32(out, size, 0) : 0;
        return status;
    }

    uint8_t dtype = 0;
    bool is_fixed = false;
    uint32_t planes = 0;
    size_t size = 0;
    uint32_t checksum = 0;
    std::vector<hemp_part> parts;
    std::vector<std::unique_ptr<Bytes>> views;
};

uint32_t lossless_promising(nb::handle task) {
    const LosslessSegment segment(task);
    nb::gil_scoped_release release;
    return hemp_lossless_promising(segment.dtype, segment.parts.data(), segment.parts.size());
}

uint64_t lossless_estimate(nb::handle task) {
    const LosslessSegment segment(task);
    nb::gil_scoped_release release;
    return hemp_lossless_estimate(segment.dtype, segment.parts.data(), segment.parts.size());
}

nb::list lossless_group(nb::handle task) {
    const LosslessSegment segment(task);
    std::vector<uint8_t> begins(segment.parts.size());
    {
        nb::gil_scoped_release release;
        hemp_lossless_group(segment.dtype, segment.parts.data(), segment.parts.size(), begins.data());
    }
    nb::list result;
    for (const uint8_t begin : begins) {
        result.append(begin != 0);
    }
    return result;
}

// Memory that shrinks where it lies.
struct Free {
    void operator()(void *memory) const {
        std::free(memory);
    }
};
using Shrinking = std::unique_ptr<void, Free>;

Shrinking allocate_shrinking(uint64_t bytes) {
    void *memory = bytes <= (uint64_t{1} << 40) ? std::malloc(static_cast<size_t>(bytes) + 1) : nullptr;
    if (memory == nullptr) {
        throw std::bad_alloc();
    }
    return Shrinking(memory);
}

void shrink(Shrinking &memory, size_t size) {
    void *shrunk = std::realloc(memory.get(), size + 1);
    if (shrunk != nullptr) {
        (void)memory.release();
        memory.reset(shrunk);
    }
}

nb::object array_of(Shrinking memory, size_t size) {
    nb::capsule owner(memory.get(), [](void *kept) noexcept { std::free(kept); });
    return nb::cast(nb::ndarray<nb::numpy, uint8_t, nb::ndim<1>>(memory.release(), {size}, owner));
}

// Codes segments in the order in which they come, in so many threads: one of them is the caller's, which works where it
// has to wait for a result, and the others never wait for Python.
class LosslessEncoder {
  public:
    explicit LosslessEncoder(size_t threads) : helpers_(threads > 1 ? threads - 1 : 0), threads_(threads) {}

    ~LosslessEncoder() {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            queue_.clear();
            is_ended_ = true;
        }
        changed_.notify_all();
    }

    LosslessEncoder(const LosslessEncoder &) = delete;
    LosslessEncoder &operator=(const LosslessEncoder &) = delete;

    void begin(nb::list segments) {
        auto batch = std::make_unique<Batch>();
        for (nb::handle segment : segments) {
            batch->segments.push_back(std::make_unique<LosslessSegment>(segment));
            batch->bound += batch->segments.back()->bound();
        }
        batches_.push_back(std::move(batch));
        bool is_much;
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            queue_.push_back(batches_.back().get());
            waiting_ += batches_.back()->bound;
            is_much = waiting_ >= WORTH_A_THREAD;
        }
        changed_.notify_all();
        if (is_much && threads_.size() < helpers_) {
            threads_.start([this] { work(); });
        }
    }

    // Of the segments that were begun first: for each its coded planes, size and checksum; and the bytes of all.
    nb::tuple collect() {
        if (batches_.empty()) {
            throw nb::value_error("no segments are begun");
        }
        const std::unique_ptr<Batch> batch = std::move(batches_.front());
        batches_.pop_front();
        {
            nb::gil_scoped_release release;
            std::unique_lock<std::mutex> lock(mutex_);
            while (!batch->is_done) {
                if (queue_.empty()) {
                    changed_.wait(lock, [&] { return batch->is_done; });
                } else {
                    code_next(lock);
                }
            }
        }
        if (batch->error) {
            std::rethrow_exception(batch->error);
        }
        if (batch->status != HEMP_OK) {
            raise_payload(batch->status);
        }
        nb::list coded;
        for (const auto &segment : batch->segments) {
            coded.append(nb::make_tuple(segment->planes, segment->size, segment->checksum));
        }
        return nb::make_tuple(coded, array_of(std::move(batch->bytes), batch->size));
    }

  private:
    // Bytes of the segments that wait: for less, to start a thread takes longer than it saves.
    static constexpr uint64_t WORTH_A_THREAD = uint64_t{3} << 20;

    struct Batch {
        std::vector<std::unique_ptr<LosslessSegment>> segments;
        uint64_t bound = 0;
        Shrinking bytes;
        size_t size = 0;
        hemp_status status = HEMP_OK;
        std::exception_ptr error;
        bool is_done = false;
    };

    void work() {
        std::unique_lock<std::mutex> lock(mutex_);
        for (;;) {
            changed_.wait(lock, [&] { return is_ended_ || !queue_.empty(); });
            if (is_ended_) {
                return;
            }
            code_next(lock);
        }
    }

    // Code the largest batch in the queue, which the lock protects, so that threads end together.
    void code_next(std::unique_lock<std::mutex> &lock) {
        const auto largest = std::max_element(queue_.begin(), queue_.end(),
                                              [](const Batch *a, const Batch *b) { return a->bound < b->bound; });
        Batch *batch = *largest;
        queue_.erase(largest);
        waiting_ -= batch->bound;
        std::unique_ptr<Workspace> workspace = workspaces_.take();
        lock.unlock();
        try {
            code(*batch, *workspace);
        } catch (...) {
            batch->error = std::current_exception();
        }
        lock.lock();
        workspaces_.give(std::move(workspace));
        batch->is_done = true;
        changed_.notify_all();
    }

    void code(Batch &batch, Workspace &workspace) {
        uint64_t need = 0;
        for (const auto &segment : batch.segments) {
            need = std::max(need, segment->memory());
        }
        uint8_t *memory = workspace.room(need);
        batch.bytes = allocate_shrinking(batch.bound);
        for (const auto &segment : batch.segments) {
            batch.status = segment->encode(static_cast<uint8_t *>(batch.bytes.get()) + batch.size, memory);
            if (batch.status != HEMP_OK) {
                return;
            }
            batch.size += segment->size;
        }
        shrink(batch.bytes, batch.size);
    }

    const size_t helpers_;
    std::deque<std::unique_ptr<Batch>> batches_;
    std::mutex mutex_; // of the queue, and of what batches become
    std::condition_variable changed_;
    std::deque<Batch *> queue_;
    uint64_t waiting_ = 0; // bytes of what is in it, at most
    bool is_ended_ = false;
    Pool<Workspace> workspaces_;
    Threads threads_; // which end before what they use
};

} // namespace

void bind_lossless_encode(nb::module_ &module) {
    nb::class_<LosslessEncoder>(module, "LosslessEncoder")
        .def(nb::init<size_t>(), "threads"_a)
        .def("begin", &LosslessEncoder::begin, "segments"_a)
        .def("collect", &LosslessEncoder::collect);
    module.def("lossless_promising", &lossless_promising, "segment"_a);
    module.def("lossless_estimate", &lossless_estimate, "segment"_a);
    module.def("lossless_group", &lossless_group, "tensors"_a);
}
