// Numbers of dtypes from Python.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>

#include "hemp.h"

namespace nb = nanobind;

// Bytes of an element.
inline uint32_t known_dtype_size(unsigned dtype) {
    const uint32_t size = dtype < 256 ? hemp_dtype_size(static_cast<uint8_t>(dtype)) : 0;
    if (size == 0) {
        throw nb::value_error("unknown dtype number");
    }
    return size;
}
