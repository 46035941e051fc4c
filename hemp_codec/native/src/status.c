#include "internal.h"

HEMP_NOINLINE hemp_status hemp_fail(hemp_place *place, hemp_status status, uint64_t offset, uint64_t tensor,
                                    const char *field) {
    if (place != NULL) {
        place->offset = offset;
        place->tensor = tensor;
        place->field = field;
    }
    return status;
}

const char *hemp_nth_text(const char *texts, unsigned number) {
    for (; number > 0; texts++) {
        number -= *texts == 0;
    }
    return texts;
}

#ifdef HEMP_NO_STRINGS
const char *hemp_status_name(hemp_status status) {
    (void)status;
    return "";
}
#else
/* One text: a table of pointers would have to be written to when a shared library is loaded. */
static const char names[] =
    "OK\0BAD_SIGNATURE\0BAD_VERSION\0TRUNCATED\0TRAILING_BYTES\0FRONT_CHECKSUM\0SEGMENT_CHECKSUM\0LIMIT_EXCEEDED\0"
    "BAD_FRONT\0BAD_VARINT\0BAD_NAME\0DUPLICATE_NAME\0BAD_FORM\0BAD_DTYPE\0UNSUPPORTED_DTYPE\0BAD_SHAPE\0"
    "BAD_QUANTIZER\0UNSUPPORTED_QUANTIZER\0BAD_LEVELS\0BAD_STREAM\0BAD_CHUNK\0UNKNOWN_CRITICAL_CHUNK\0"
    "BAD_METADATA\0UNSUPPORTED_CODER\0BAD_PAYLOAD\0BAD_INDEX\0"
    "MEMORY_TOO_SMALL\0BAD_ARGUMENT\0READ_FAILED\0UNKNOWN";

const char *hemp_status_name(hemp_status status) {
    const unsigned number = (unsigned)status, first_misuse = HEMP_MEMORY_TOO_SMALL, misuses = 3;
    if (number <= HEMP_BAD_INDEX) {
        return hemp_nth_text(names, number);
    }
    const unsigned misuse = number - first_misuse < misuses ? number - first_misuse : misuses;
    return hemp_nth_text(names, HEMP_BAD_INDEX + 1 + misuse);
}
#endif
