#include "errors.h"

#include <nanobind/stl/string.h>

using namespace nb::literals;

namespace {

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

} // namespace

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

void raise_payload(hemp_status status) {
    raise(status, sentence(status), nb::dict());
}

void raise_front(const std::string &what, hemp_status status, const hemp_place &place, nb::object name) {
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
