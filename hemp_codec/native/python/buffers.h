// Memory of Python's objects.
#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace nb = nanobind;

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

using Views = std::vector<std::unique_ptr<Bytes>>;
