// hemp_codec._native: libhemp for Python.  Arguments are checked here; whatever works on data runs without the GIL.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <exception>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "hemp.h"
#include "hemp_encode.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

// A read-only view of any contiguous buffer.
class Bytes {
  public:
    explicit Bytes(nb::handle object) {
        if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_C_CONTIGUOUS) != 0) {
            throw nb::python_error();
        }
    }
    ~Bytes() {
        PyBuffer_Release(&view_);
    }
    Bytes(const Bytes &) = delete;
    Bytes &operator=(const Bytes &) = delete;

    const uint8_t *data() const {
        return view_.len > 0 ? static_cast<const uint8_t *>(view_.buf) : &nothing_;
    }
    size_t size() const {
        return static_cast<size_t>(view_.len);
    }

  private:
    Py_buffer view_{};
    uint8_t nothing_ = 0;
};

class WritableBytes {
  public:
    explicit WritableBytes(nb::handle object) {
        if (!get(object)) {
            throw nb::python_error();
        }
    }
    ~WritableBytes() {
        PyBuffer_Release(&view_);
    }
    WritableBytes(const WritableBytes &) = delete;
    WritableBytes &operator=(const WritableBytes &) = delete;

    uint8_t *data() {
        return static_cast<uint8_t *>(view_.buf);
    }
    size_t size() const {
        return static_cast<size_t>(view_.len);
    }

  protected:
    WritableBytes() = default;
    bool get(nb::handle object) {
        return PyObject_GetBuffer(object.ptr(), &view_, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE) == 0;
    }

  private:
    Py_buffer view_{};
};

// The elements of a numpy array of any dtype: for those that numpy did not define it gives no buffer.
class ArrayBytes : public WritableBytes {
  public:
    explicit ArrayBytes(nb::handle array) {
        if (!get(array)) {
            PyErr_Clear();
            if (!get(array.attr("reshape")(-1).attr("view")("uint8"))) {
                throw nb::python_error();
            }
        }
    }
};

std::string sentence(hemp_status status) {
    switch (status) {
    case HEMP_BAD_SIGNATURE:
        return "this is not a .hemp file: its signature is wrong";
    case HEMP_BAD_VERSION:
        return "this version of the format is not supported";
    case HEMP_TRUNCATED:
        return "the file ends too early; fetch it again";
    case HEMP_TRAILING_BYTES:
        return "the file goes on after its last segment";
    case HEMP_FRONT_CHECKSUM:
        return "the checksum of the directory differs: the file is damaged; fetch it again";
    case HEMP_LIMIT_EXCEEDED:
        return "a limit is exceeded";
    case HEMP_DUPLICATE_NAME:
        return "two tensors have the same name";
    case HEMP_UNSUPPORTED_DTYPE:
        return "the file uses a dtype that this version does not know";
    case HEMP_UNSUPPORTED_QUANTIZER:
        return "the file uses a quantizer that this version does not know";
    case HEMP_UNKNOWN_CRITICAL_CHUNK:
        return "the file needs a feature that this version does not know";
    case HEMP_BAD_PAYLOAD:
        return "a payload is not what its coder makes";
    case HEMP_BAD_INDEX:
        return "an index is not below num_levels";
    case HEMP_BAD_VARINT:
        return "an integer is not written in its shortest form";
    default:
        return "the file breaks the rules of the format";
    }
}

[[noreturn]] void raise(hemp_status status, const std::string &message, nb::dict fields) {
    const int number = static_cast<int>(status);
    if (number >= HEMP_MEMORY_TOO_SMALL) {
        throw nb::value_error(hemp_status_name(status));
    }
    nb::object type = nb::module_::import_("hemp_codec.errors").attr("STATUS_CLASSES")[nb::int_(number)];
    fields["code"] = nb::str(hemp_status_name(status));
    nb::object error = type(message, **nb::borrow<nb::kwargs>(fields));
    PyErr_SetObject(type.ptr(), error.ptr());
    throw nb::python_error();
}

// A fault of a payload: where the payload stands is for the caller to say.
[[noreturn]] void raise_payload(hemp_status status) {
    raise(status, sentence(status), nb::dict());
}

// A fault of the front.  `name` is that of the tensor concerned, or nothing.
[[noreturn]] void raise_front(const std::string &what, hemp_status status, const hemp_place &place, nb::object name) {
    nb::dict fields;
    fields["offset"] = nb::int_(place.offset);
    std::string message = what + " (" + hemp_status_name(status) + " at byte " + std::to_string(place.offset);
    message += ", field " + std::string(place.field);
    if (place.tensor != HEMP_NONE) {
        message += ", tensor " + std::to_string(place.tensor);
    }
    if (!name.is_none()) {
        message += " " + std::string(nb::repr(name).c_str());
        fields["tensor"] = name;
    }
    raise(status, message + ")", fields);
}

// ---------------------------------------------------------------------------------------------------------- coders

hemp_part part_of(nb::handle object) {
    hemp_part part{};
    part.num_levels = nb::cast<uint32_t>(object.attr("num_levels"));
    part.columns = nb::cast<uint64_t>(object.attr("columns"));
    part.start = nb::cast<uint64_t>(object.attr("start"));
    part.size = nb::cast<uint64_t>(object.attr("size"));
    if (part.num_levels < 1 || part.num_levels > HEMP_MAX_LEVELS) {
        throw nb::value_error("num_levels must be 1 to 65536");
    }
    if (part.size > (uint64_t{1} << 40)) {
        throw nb::value_error("a part has too many elements");
    }
    return part;
}

std::vector<hemp_part> parts_of(nb::handle list) {
    std::vector<hemp_part> parts;
    for (nb::handle object : list) {
        parts.push_back(part_of(object));
    }
    return parts;
}

size_t index_size(const hemp_part &part) {
    return part.num_levels > 256 ? 2 : 1;
}

// A new 1-D numpy array for the indices of a part, which then points to it.
nb::object allocate_indices(hemp_part &part) {
    const size_t size = static_cast<size_t>(part.size);
    auto *memory = new uint8_t[size * index_size(part) + 2];
    nb::capsule owner(memory, [](void *p) noexcept { delete[] static_cast<uint8_t *>(p); });
    part.indices = memory;
    if (index_size(part) == 2) {
        auto *values = reinterpret_cast<uint16_t *>(memory);
        return nb::cast(nb::ndarray<nb::numpy, uint16_t, nb::ndim<1>>(values, {size}, owner));
    }
    return nb::cast(nb::ndarray<nb::numpy, uint8_t, nb::ndim<1>>(memory, {size}, owner));
}

using Scratch = std::unique_ptr<uint64_t[]>;

Scratch allocate_scratch(uint64_t bytes) {
    if (bytes > (uint64_t{1} << 40)) {
        throw std::bad_alloc();
    }
    return Scratch(new uint64_t[static_cast<size_t>(bytes) / 8 + 1]);
}

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

// ---------------------------------------------------------------------------------------------------------- planes

uint32_t known_dtype_size(unsigned dtype) {
    const uint32_t size = dtype < 256 ? hemp_dtype_size(static_cast<uint8_t>(dtype)) : 0;
    if (size == 0) {
        throw nb::value_error("unknown dtype number");
    }
    return size;
}

nb::list planes_split(unsigned dtype, nb::handle data, uint64_t elements) {
    const uint32_t size = known_dtype_size(dtype);
    Bytes bytes(data);
    if (bytes.size() / size != elements || bytes.size() % size != 0) {
        throw nb::value_error("the data must be exactly `elements` elements of the dtype");
    }
    std::vector<uint8_t *> planes;
    nb::list arrays;
    for (uint32_t p = 0; p < size; p++) {
        hemp_part part{};
        part.num_levels = 256;
        part.size = elements;
        arrays.append(allocate_indices(part));
        planes.push_back(static_cast<uint8_t *>(part.indices));
    }
    nb::gil_scoped_release release;
    hemp_planes_split(static_cast<uint8_t>(dtype), bytes.data(), elements, planes.data());
    return arrays;
}

void planes_join_into(unsigned dtype, nb::handle plane_list, nb::handle out) {
    const uint32_t size = known_dtype_size(dtype);
    std::vector<std::unique_ptr<Bytes>> views;
    std::vector<const uint8_t *> planes;
    for (nb::handle plane : plane_list) {
        views.push_back(std::make_unique<Bytes>(plane));
        planes.push_back(views.back()->data());
    }
    WritableBytes target(out);
    const bool right_count = planes.size() == size;
    for (const auto &view : views) {
        if (!right_count || target.size() / size != view->size() || target.size() % size != 0) {
            throw nb::value_error("there must be one plane for each byte of an element, and room for all elements");
        }
    }
    if (!right_count) {
        throw nb::value_error("there must be one plane for each byte of an element");
    }
    nb::gil_scoped_release release;
    hemp_planes_join(static_cast<uint8_t>(dtype), planes.data(), target.size() / size, target.data());
}

nb::object planes_join(unsigned dtype, nb::handle plane_list) {
    const uint32_t size = known_dtype_size(dtype);
    if (nb::len(plane_list) != size) {
        throw nb::value_error("there must be one plane for each byte of an element");
    }
    hemp_part part{};
    part.num_levels = 256;
    part.size = Bytes(plane_list[0]).size() * size;
    nb::object array = allocate_indices(part);
    planes_join_into(dtype, plane_list, array);
    return array;
}

// -------------------------------------------------------------------------------------------------------- lossless

// Memory that one thread uses again and again: to get it from the system takes longer than to use it.
class Workspace {
  public:
    uint8_t *room(uint64_t bytes) {
        if (bytes > capacity_) {
            memory_ = allocate_scratch(bytes);
            capacity_ = bytes;
        }
        return reinterpret_cast<uint8_t *>(memory_.get());
    }

  private:
    Scratch memory_;
    uint64_t capacity_ = 0;
};

// Workspaces of any number of threads, kept for the next ones.
class Workspaces {
  public:
    std::unique_ptr<Workspace> take() {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (free_.empty()) {
            return std::make_unique<Workspace>();
        }
        std::unique_ptr<Workspace> workspace = std::move(free_.back());
        free_.pop_back();
        return workspace;
    }
    void give(std::unique_ptr<Workspace> workspace) {
        const std::lock_guard<std::mutex> lock(mutex_);
        free_.push_back(std::move(workspace));
    }

  private:
    std::mutex mutex_;
    std::vector<std::unique_ptr<Workspace>> free_;
};

// Run work(0) to work(count - 1) side by side.
//
// More than one have threads of their own, and this one waits: Linux starts the first of them on the processor where
// this one is, and leaves both there for up to 10 ms if this one goes on.
template <typename Work> void in_threads(size_t count, const Work &work) {
    if (count <= 1) {
        work(0);
        return;
    }
    std::vector<std::future<void>> running;
    for (size_t i = 0; i < count; i++) {
        running.push_back(std::async(std::launch::async, work, i));
    }
    for (auto &one : running) {
        one.get();
    }
}

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

// Codes segments in the order in which they come, in threads that never wait for Python; with one thread where the
// result is asked for.
class LosslessEncoder {
  public:
    explicit LosslessEncoder(size_t threads) : count_(threads > 1 ? threads : 0) {}

    ~LosslessEncoder() {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            queue_.clear();
            is_ended_ = true;
        }
        changed_.notify_all();
        for (std::thread &thread : threads_) {
            thread.join();
        }
    }

    LosslessEncoder(const LosslessEncoder &) = delete;
    LosslessEncoder &operator=(const LosslessEncoder &) = delete;

    void begin(nb::list segments) {
        auto batch = std::make_unique<Batch>();
        for (nb::handle segment : segments) {
            batch->segments.push_back(std::make_unique<LosslessSegment>(segment));
        }
        batches_.push_back(std::move(batch));
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            queue_.push_back(batches_.back().get());
        }
        changed_.notify_all();
        while (threads_.size() < std::min(count_, batches_.size())) {
            threads_.emplace_back([this] { work(); });
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
            if (count_ == 0) {
                code_next(lock);
            }
            changed_.wait(lock, [&] { return batch->is_done; });
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
    struct Batch {
        std::vector<std::unique_ptr<LosslessSegment>> segments;
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

    // Code what is first in the queue, which the lock protects.
    void code_next(std::unique_lock<std::mutex> &lock) {
        Batch *batch = queue_.front();
        queue_.pop_front();
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
        uint64_t bounds = 0, need = 0;
        for (const auto &segment : batch.segments) {
            bounds += segment->bound();
            need = std::max(need, segment->memory());
        }
        uint8_t *memory = workspace.room(need);
        batch.bytes = allocate_shrinking(bounds);
        for (const auto &segment : batch.segments) {
            batch.status = segment->encode(static_cast<uint8_t *>(batch.bytes.get()) + batch.size, memory);
            if (batch.status != HEMP_OK) {
                return;
            }
            batch.size += segment->size;
        }
        shrink(batch.bytes, batch.size);
    }

    const size_t count_; // of threads; 0: none but the caller's
    std::deque<std::unique_ptr<Batch>> batches_;
    std::mutex mutex_; // of the queue, and of what batches become
    std::condition_variable changed_;
    std::deque<Batch *> queue_;
    bool is_ended_ = false;
    Workspaces workspaces_;
    std::vector<std::thread> threads_;
};

std::vector<uint32_t> optimal_cuts(nb::handle means, nb::handle weights, uint32_t num_levels, bool pin_zero) {
    Bytes mean_bytes(means), weight_bytes(weights);
    const size_t points = mean_bytes.size() / sizeof(double);
    if (mean_bytes.size() != points * sizeof(double) || weight_bytes.size() != mean_bytes.size() ||
        points > UINT32_MAX) {
        throw nb::value_error("means and weights must be float64 arrays of the same size");
    }
    if (num_levels == 0 || num_levels > points) {
        throw nb::value_error("num_levels must be 1 to the number of points");
    }
    std::vector<uint32_t> cuts(size_t{num_levels} + 1);
    hemp_status status;
    {
        nb::gil_scoped_release release;
        const uint64_t need = hemp_optimal_cuts_memory(static_cast<uint32_t>(points), num_levels, pin_zero);
        Scratch memory = allocate_scratch(need);
        status = hemp_optimal_cuts(reinterpret_cast<const double *>(mean_bytes.data()),
                                   reinterpret_cast<const double *>(weight_bytes.data()), static_cast<uint32_t>(points),
                                   num_levels, pin_zero, cuts.data(), memory.get(), static_cast<size_t>(need));
    }
    if (status != HEMP_OK) {
        throw nb::value_error(hemp_status_name(status));
    }
    return cuts;
}

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

using Views = std::vector<std::unique_ptr<Bytes>>;

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

// ------------------------------------------------------------------------------------------------------- directory

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

// The checked front of a file.
class Directory {
  public:
    Directory(nb::bytes front, nb::object file_size) : front_(std::move(front)) {
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
                status = hemp_read_directory(&directory_, data, size, total, memory_.get(), static_cast<size_t>(need),
                                             &place);
            }
        }
        if (status != HEMP_OK) {
            raise_front(sentence(status), status, place, name_at(place));
        }
    }

    nb::list names() const {
        nb::list result;
        for (uint64_t i = 0; i < directory_.tensor_count; i++) {
            result.append(name(i));
        }
        return result;
    }

    nb::tuple tensor(uint64_t number) const {
        const hemp_tensor &record = record_at(number);
        return nb::make_tuple(name(number), static_cast<unsigned>(record.dtype), shape(number), record.elements,
                              static_cast<unsigned>(record.quantizer), record.num_levels,
                              static_cast<unsigned>(record.levels_type), record.levels_offset, record.uniform_offset,
                              optional(record.stream), record.stream_start, optional(record.source));
    }

    nb::tuple stream(uint64_t number) const {
        if (number >= directory_.stream_count) {
            throw nb::index_error("no such stream");
        }
        const hemp_stream &record = directory_.streams[number];
        return nb::make_tuple(static_cast<unsigned>(record.coder), record.coded_planes,
                              static_cast<unsigned>(record.planes), record.first_segment, record.segment_count,
                              record.elements, record.opener, record.solid != 0);
    }

    nb::tuple segment(uint64_t number) const {
        if (number >= directory_.segment_count) {
            throw nb::index_error("no such segment");
        }
        const hemp_segment &record = directory_.segments[number];
        return nb::make_tuple(record.offset, record.size, record.checksum);
    }

    // An array for each tensor.  `empty` makes them of a shape and of the entry of `dtypes` for a dtype, `array` in
    // memory that is there.  Small ones lie in blocks together: of these the system gives large pages, if there are
    // such, and a page costs more time than it takes to decode into it.  A block begins where a large page may, and has
    // room to the end of its last one: else up to a thousand small ones stand before and after them.
    nb::list allocate(nb::callable empty, nb::callable array, nb::list dtypes) const {
        const nb::object byte = dtypes[static_cast<size_t>(HEMP_UINT8)];
        const std::vector<uint64_t> blocks = block_sizes();
        nb::object block;
        uint64_t number = 0, begin = 0, used = 0;
        nb::list arrays;
        for (uint64_t i = 0; i < directory_.tensor_count; i++) {
            const nb::object dtype = dtypes[directory_.tensors[i].dtype];
            if (blocks.empty() || !is_in_block(i)) {
                arrays.append(empty(shape(i), dtype));
                continue;
            }
            if (!block.is_valid() || used == blocks[number]) {
                number += block.is_valid();
                block = empty(blocks[number] + 2 * LARGE_PAGE, byte);
                begin = LARGE_PAGE - reinterpret_cast<uintptr_t>(ArrayBytes(block).data()) % LARGE_PAGE;
                used = 0;
            }
            arrays.append(array(shape(i), dtype, block, begin + used));
            used += aligned_size(i);
        }
        return arrays;
    }

    // Whether all tensors that have elements have a stream: none is tied, and none has one level only.
    bool all_in_streams() const {
        return std::all_of(
            directory_.tensors, directory_.tensors + directory_.tensor_count,
            [](const hemp_tensor &tensor) { return tensor.stream != HEMP_NONE || tensor.elements == 0; });
    }

    // Numbers of the tensors of a stream, in the order of the records.
    nb::list stream_tensors(uint64_t number) const {
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

    // Bytes of the segments of a stream.
    uint64_t stream_size(uint64_t number) const {
        if (number >= directory_.stream_count) {
            throw nb::index_error("no such stream");
        }
        const hemp_stream &record = directory_.streams[number];
        const hemp_segment &last = directory_.segments[record.first_segment + record.segment_count - 1];
        return last.offset + last.size - directory_.segments[record.first_segment].offset;
    }

    // Bytes of all tensors when decoded; 2^64 - 1 stands for that and more.
    uint64_t decoded_size() const {
        uint64_t total = 0;
        for (uint64_t i = 0; i < directory_.tensor_count; i++) {
            const uint64_t size = directory_.tensors[i].elements * hemp_dtype_size(directory_.tensors[i].dtype);
            total = size > UINT64_MAX - total ? UINT64_MAX : total + size;
        }
        return total;
    }

    // No more than so many symbols are coded by the coder arithmetic.
    uint64_t arithmetic_symbols() const {
        uint64_t total = 0;
        for (uint64_t i = 0; i < directory_.stream_count; i++) {
            const hemp_stream &stream = directory_.streams[i];
            total += stream.coder == HEMP_CODER_ARITHMETIC ? stream.elements * stream.planes : 0;
        }
        return total;
    }

    // Check and decode segments of lossless streams; how many there were before one that cannot be decoded here.  Each
    // task is: number of the stream, number of the segment in it, its bytes, a buffer for the elements of each part.
    size_t decode_lossless(Workspace &workspace, nb::list task_list) const {
        std::vector<LosslessTask> tasks(nb::len(task_list));
        for (size_t i = 0; i < tasks.size(); i++) {
            const nb::tuple fields = nb::cast<nb::tuple>(task_list[i]);
            prepare(tasks[i], nb::cast<uint64_t>(fields[0]), nb::cast<uint64_t>(fields[1]), fields[2], fields[3]);
        }
        nb::gil_scoped_release release;
        size_t done = 0;
        while (done < tasks.size() &&
               decode_segment(workspace, tasks[done].what, tasks[done].data->data(), tasks[done].data->size(),
                              tasks[done].checksum, tasks[done].parts)) {
            done++;
        }
        return done;
    }

    nb::dict metadata() const {
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

    nb::object source_hash() const {
        uint64_t size = 0;
        const uint8_t *at = hemp_find_chunk(&directory_, HEMP_CHUNK_SOURCE, &size);
        if (at == nullptr) {
            return nb::none();
        }
        return nb::bytes(reinterpret_cast<const char *>(at + 1), HEMP_SOURCE_SIZE - 1);
    }

    const nb::bytes &front() const {
        return front_;
    }
    uint64_t tensor_count() const {
        return directory_.tensor_count;
    }
    uint64_t stream_count() const {
        return directory_.stream_count;
    }
    uint64_t segment_count() const {
        return directory_.segment_count;
    }
    uint64_t body_offset() const {
        return directory_.body_offset;
    }
    uint64_t segment_elements() const {
        return directory_.segment_elements;
    }

  private:
    struct LosslessTask {
        hemp_lossless what{};
        uint32_t checksum = 0;
        std::unique_ptr<Bytes> data;
        std::vector<std::unique_ptr<WritableBytes>> outs;
        std::vector<hemp_part> parts;
    };

    static constexpr uint64_t MIN_IN_BLOCK = uint64_t{1} << 12;      // bytes of an array: of less, a page has several
    static constexpr uint64_t MAX_IN_BLOCK = uint64_t{1} << 23;      // ... that is so large that it stands alone
    static constexpr uint64_t WORTH_LARGE_PAGES = uint64_t{1} << 22; // numpy asks for them from this size on
    static constexpr uint64_t LARGE_PAGE = uint64_t{1} << 21;
    static constexpr uint64_t BLOCK = uint64_t{1} << 24; // bytes after which a block ends
    static constexpr uint64_t ALIGNMENT = 64;

    uint64_t aligned_size(uint64_t number) const {
        const hemp_tensor &record = directory_.tensors[number];
        return (record.elements * hemp_dtype_size(record.dtype) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }

    bool is_in_block(uint64_t number) const {
        const uint64_t size = aligned_size(number);
        return directory_.tensors[number].elements < MAX_IN_BLOCK && size >= MIN_IN_BLOCK && size < MAX_IN_BLOCK;
    }

    // Bytes of the blocks: none if there is too little for one, and none that is much smaller than the others.
    std::vector<uint64_t> block_sizes() const {
        std::vector<uint64_t> sizes{0};
        for (uint64_t i = 0; i < directory_.tensor_count; i++) {
            if (is_in_block(i)) {
                if (sizes.back() >= BLOCK) {
                    sizes.push_back(0);
                }
                sizes.back() += aligned_size(i);
            }
        }
        if (sizes.size() > 1 && sizes.back() < WORTH_LARGE_PAGES) {
            const uint64_t rest = sizes.back();
            sizes.pop_back();
            sizes.back() += rest;
        }
        return sizes[0] >= WORTH_LARGE_PAGES ? sizes : std::vector<uint64_t>{};
    }

    void prepare(LosslessTask &task, uint64_t stream_number, uint64_t number, nb::handle data, nb::handle outs) const {
        if (stream_number >= directory_.stream_count || number >= directory_.streams[stream_number].segment_count) {
            throw nb::index_error("no such segment");
        }
        const hemp_stream &stream = directory_.streams[stream_number];
        const uint64_t start = number * directory_.segment_elements;
        uint64_t member = stream.opener;
        task.what = what_of(stream);
        task.checksum = directory_.segments[stream.first_segment + number].checksum;
        task.data = std::make_unique<Bytes>(data);
        for (nb::handle out : outs) {
            while (member < directory_.tensor_count && directory_.tensors[member].stream != stream_number) {
                member++;
            }
            task.outs.push_back(std::make_unique<WritableBytes>(out));
            const hemp_tensor &record = record_at(member);
            const uint64_t size = task.outs.back()->size() / hemp_dtype_size(record.dtype);
            if (record.quantizer != HEMP_LOSSLESS || start > record.elements || size > record.elements - start) {
                throw nb::value_error("a buffer is larger than what is left of its lossless tensor");
            }
            task.parts.push_back(part_at(member, start, size, task.outs.back()->data()));
            member++;
        }
    }

    hemp_lossless what_of(const hemp_stream &stream) const {
        return {directory_.tensors[stream.opener].dtype, stream.coder, stream.coder == 0 ? 0 : stream.coded_planes};
    }

    // The part of a tensor that begins with element `start`, and where its elements go.
    hemp_part part_at(uint64_t number, uint64_t start, uint64_t size, uint8_t *out) const {
        const hemp_tensor &record = record_at(number);
        uint64_t dims[HEMP_MAX_RANK];
        hemp_tensor_dims(&directory_, number, dims);
        hemp_part part{};
        part.num_levels = record.num_levels;
        part.columns = record.rank > 1 && dims[0] > 0 ? record.elements / dims[0] : record.elements;
        part.start = start;
        part.size = size;
        part.indices = out;
        return part;
    }

    const hemp_tensor &record_at(uint64_t number) const {
        if (number >= directory_.tensor_count) {
            throw nb::index_error("no such tensor");
        }
        return directory_.tensors[number];
    }

    nb::tuple shape(uint64_t number) const {
        uint64_t dims[HEMP_MAX_RANK];
        hemp_tensor_dims(&directory_, number, dims);
        nb::list shape;
        for (unsigned i = 0; i < directory_.tensors[number].rank; i++) {
            shape.append(dims[i]);
        }
        return nb::tuple(shape);
    }

    nb::str name(uint64_t number) const {
        const hemp_tensor &record = record_at(number);
        return nb::str(reinterpret_cast<const char *>(directory_.front + record.name_offset), record.name_size);
    }

    // The name of the tensor in whose record the front is wrong, if it was read.
    nb::object name_at(const hemp_place &place) const {
        if (place.tensor == HEMP_NONE) {
            return nb::none();
        }
        const hemp_tensor &record = directory_.tensors[place.tensor];
        if (record.name_size == 0) {
            return nb::none();
        }
        return nb::str(reinterpret_cast<const char *>(directory_.front + record.name_offset), record.name_size);
    }

    static nb::object optional(uint64_t number) {
        return number == HEMP_NONE ? nb::none() : nb::object(nb::int_(number));
    }

    // The front has been checked, so nothing can run over its end.
    static uint64_t read_varint(const uint8_t *&at) {
        uint64_t value = 0;
        unsigned shift = 0;
        for (; *at >= 0x80; shift += 7) {
            value |= static_cast<uint64_t>(*at++ & 0x7F) << shift;
        }
        return value | static_cast<uint64_t>(*at++) << shift;
    }

    static nb::str read_text(const uint8_t *&at) {
        const size_t size = static_cast<size_t>(read_varint(at));
        nb::str text(reinterpret_cast<const char *>(at), size);
        at += size;
        return text;
    }

    friend class LosslessLoad;

    nb::bytes front_;
    Scratch memory_;
    hemp_directory directory_{};
};

// The segments of all lossless tensors that libhemp decodes by itself, in the order of the file, into arrays for all
// tensors.
class LosslessLoad {
  public:
    LosslessLoad(nb::object directory, nb::list arrays)
        : owner_(directory), directory_(nb::cast<const Directory &>(directory)) {
        const hemp_directory &records = directory_.directory_;
        if (nb::len(arrays) != records.tensor_count) {
            throw nb::value_error("there must be an array for each tensor");
        }
        std::vector<std::vector<uint64_t>> members(records.stream_count);
        for (uint64_t i = 0; i < records.tensor_count; i++) {
            const hemp_tensor &tensor = records.tensors[i];
            arrays_.push_back(nullptr);
            if (tensor.stream != HEMP_NONE && is_native(tensor, records.streams[tensor.stream])) {
                arrays_.back() = std::make_unique<ArrayBytes>(arrays[i]);
                members[tensor.stream].push_back(i);
                if (arrays_.back()->size() != tensor.elements * hemp_dtype_size(tensor.dtype)) {
                    throw nb::value_error("an array has another size than its tensor");
                }
            }
        }
        for (uint64_t i = 0; i < records.stream_count; i++) {
            for (uint64_t k = 0; k < records.streams[i].segment_count && !members[i].empty(); k++) {
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
        const uint64_t step = directory_.directory_.segment_elements, start = number * step;
        Segment segment{stream, number, 0, {}};
        for (const uint64_t member : members) {
            const hemp_tensor &tensor = directory_.directory_.tensors[member];
            const uint64_t left = tensor.elements - start;
            segment.parts.push_back(
                directory_.part_at(member, start, left < step ? left : step,
                                   arrays_[member]->data() + start * hemp_dtype_size(tensor.dtype)));
            segment.decoded += segment.parts.back().size * hemp_dtype_size(tensor.dtype);
        }
        segments_.push_back(std::move(segment));
    }

    const hemp_segment &record_of(const Segment &segment) const {
        const hemp_stream &stream = directory_.directory_.streams[segment.stream];
        return directory_.directory_.segments[stream.first_segment + segment.number];
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
        return decode_segment(workspace, directory_.what_of(directory_.directory_.streams[segment.stream]),
                              data.data() + (record.offset - offset), static_cast<size_t>(record.size), record.checksum,
                              segment.parts);
    }

    nb::object owner_;
    const Directory &directory_;
    std::vector<std::unique_ptr<ArrayBytes>> arrays_;
    std::vector<Segment> segments_;
    Workspaces workspaces_;
};

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

NB_MODULE(_native, module) {
    module.attr("FRONT_PREFIX") = static_cast<unsigned>(HEMP_FRONT_PREFIX);
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
    module.def("planes_split", &planes_split, "dtype_number"_a, "data"_a, "elements"_a);
    module.def("planes_join", &planes_join, "dtype_number"_a, "planes"_a);
    module.def("planes_join_into", &planes_join_into, "dtype_number"_a, "planes"_a, "out"_a);
    nb::class_<Workspace>(module, "Workspace").def(nb::init<>());
    nb::class_<LosslessEncoder>(module, "LosslessEncoder")
        .def(nb::init<size_t>(), "threads"_a)
        .def("begin", &LosslessEncoder::begin, "segments"_a)
        .def("collect", &LosslessEncoder::collect);
    module.def("lossless_promising", &lossless_promising, "segment"_a);
    module.def("lossless_estimate", &lossless_estimate, "segment"_a);
    module.def("optimal_cuts", &optimal_cuts, "means"_a, "weights"_a, "num_levels"_a, "pin_zero"_a);
    module.def("join", &join, "pieces"_a, "threads"_a);
    module.def("crc32", &crc32, "data"_a, "crc"_a = 0);
    module.def("front_size", &front_size, "prefix"_a, "limit"_a);
    nb::class_<Directory>(module, "Directory")
        .def(nb::init<nb::bytes, nb::object>(), "front"_a, "file_size"_a.none())
        .def("names", &Directory::names)
        .def("tensor", &Directory::tensor, "number"_a)
        .def("stream", &Directory::stream, "number"_a)
        .def("segment", &Directory::segment, "number"_a)
        .def("stream_tensors", &Directory::stream_tensors, "number"_a)
        .def("stream_size", &Directory::stream_size, "number"_a)
        .def("allocate", &Directory::allocate, "empty"_a, "array"_a, "dtypes"_a)
        .def("all_in_streams", &Directory::all_in_streams)
        .def("decoded_size", &Directory::decoded_size)
        .def("arithmetic_symbols", &Directory::arithmetic_symbols)
        .def("decode_lossless", &Directory::decode_lossless, "workspace"_a, "tasks"_a)
        .def("metadata", &Directory::metadata)
        .def("source_hash", &Directory::source_hash)
        .def_prop_ro("front", &Directory::front)
        .def_prop_ro("tensor_count", &Directory::tensor_count)
        .def_prop_ro("stream_count", &Directory::stream_count)
        .def_prop_ro("segment_count", &Directory::segment_count)
        .def_prop_ro("body_offset", &Directory::body_offset)
        .def_prop_ro("segment_elements", &Directory::segment_elements);
    nb::class_<LosslessLoad>(module, "LosslessLoad")
        .def(nb::init<nb::object, nb::list>(), "directory"_a, "arrays"_a)
        .def("batches", &LosslessLoad::batches, "bytes"_a)
        .def("run", &LosslessLoad::run, "begin"_a, "end"_a, "data"_a, "offset"_a, "threads"_a)
        .def("streams", &LosslessLoad::streams);
}
