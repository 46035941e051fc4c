// The checked front of a file.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>

#include "hemp.h"
#include "memory.h"

namespace nb = nanobind;

class Directory {
  public:
    Directory(nb::bytes front, nb::object file_size);
    nb::list names() const;
    nb::tuple tensor(uint64_t number) const;
    nb::tuple stream(uint64_t number) const;
    nb::tuple segment(uint64_t number) const;

    // Whether all tensors that have elements have a stream: none is tied, and none has one level only.
    bool all_in_streams() const;

    // Numbers of the tensors of a stream, in the order of the records.
    nb::list stream_tensors(uint64_t number) const;

    // Bytes of the segments of a stream.
    uint64_t stream_size(uint64_t number) const;

    // Bytes of all tensors when decoded; 2^64 - 1 stands for that and more.
    uint64_t decoded_size() const;

    // No more than so many symbols are coded by the coder arithmetic.
    uint64_t arithmetic_symbols() const;
    nb::dict metadata() const;
    nb::object source_hash() const;

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

    // What libhemp says of the file.
    const hemp_directory &records() const {
        return directory_;
    }
    const hemp_tensor &tensor_at(uint64_t number) const;
    nb::tuple shape(uint64_t number) const;

  private:
    nb::str name(uint64_t number) const;
    // The name of the tensor in whose record the front is wrong, if it was read.
    nb::object name_at(const hemp_place &place) const;

    nb::bytes front_;
    Scratch memory_;
    hemp_directory directory_{};
};
