#include "parts.h"

#include <string.h>

void hemp_part_clear(const hemp_part *part) {
    if (part->size > 0) {
        memset(part->indices, 0, (size_t)part->size * (hemp_part_is_wide(part) ? 2 : 1));
    }
}

hemp_status hemp_parts_check(const hemp_part *parts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const hemp_part *part = &parts[i];
        const int levels_ok = part->num_levels >= 1 && part->num_levels <= HEMP_MAX_LEVELS;
        const int array_ok = part->size == 0 || part->indices != NULL;
        if (!levels_ok || !array_ok || part->size > SIZE_MAX / 2) {
            return HEMP_BAD_ARGUMENT;
        }
    }
    return HEMP_OK;
}

hemp_status hemp_part_check_indices(const hemp_part *part) {
    uint32_t largest = 0;
    if (hemp_part_is_wide(part)) {
        const uint16_t *indices = (const uint16_t *)part->indices;
        for (size_t i = 0; i < part->size; i++) {
            largest = indices[i] > largest ? indices[i] : largest;
        }
    } else if (part->num_levels < 256) {
        const uint8_t *indices = (const uint8_t *)part->indices;
        uint8_t most = 0; /* as narrow as the indices, for the compiler's sake */
        for (size_t i = 0; i < part->size; i++) {
            most = indices[i] > most ? indices[i] : most;
        }
        largest = most;
    }
    return largest < part->num_levels ? HEMP_OK : HEMP_BAD_INDEX;
}
