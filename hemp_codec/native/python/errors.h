// Errors of libhemp as exceptions of hemp_codec.errors.
#pragma once

#include <nanobind/nanobind.h>

#include <string>

#include "hemp.h"

namespace nb = nanobind;

// What a status means, for people.
std::string sentence(hemp_status status);

// A fault of a payload: where the payload stands is for the caller to say.
[[noreturn]] void raise_payload(hemp_status status);

// A fault of the front.  `name` is that of the tensor concerned, or nothing.
[[noreturn]] void raise_front(const std::string &what, hemp_status status, const hemp_place &place, nb::object name);
