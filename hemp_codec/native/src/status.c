#include "hemp.h"

const char *hemp_status_name(hemp_status status) {
    static const char *const format_names[] = {
        "OK",
        "BAD_SIGNATURE",
        "BAD_VERSION",
        "TRUNCATED",
        "TRAILING_BYTES",
        "FRONT_CHECKSUM",
        "SEGMENT_CHECKSUM",
        "LIMIT_EXCEEDED",
        "BAD_FRONT",
        "BAD_VARINT",
        "BAD_NAME",
        "DUPLICATE_NAME",
        "BAD_FORM",
        "BAD_DTYPE",
        "UNSUPPORTED_DTYPE",
        "BAD_SHAPE",
        "BAD_QUANTIZER",
        "UNSUPPORTED_QUANTIZER",
        "BAD_LEVELS",
        "BAD_STREAM",
        "BAD_CHUNK",
        "UNKNOWN_CRITICAL_CHUNK",
        "BAD_METADATA",
        "UNSUPPORTED_CODER",
        "BAD_PAYLOAD",
        "BAD_INDEX",
    };
    const unsigned number = (unsigned)status;
    if (number < sizeof format_names / sizeof format_names[0]) {
        return format_names[number];
    }
    switch (number) {
    case HEMP_MEMORY_TOO_SMALL:
        return "MEMORY_TOO_SMALL";
    case HEMP_BAD_ARGUMENT:
        return "BAD_ARGUMENT";
    default:
        return "UNKNOWN";
    }
}
