#include "utf8.h"

/* Bytes of the character that begins with `lead`, and the range of its second byte, which is what rules out overlong
 * forms (E0, F0), surrogates (ED) and code points above U+10FFFF (F4).  0 if no character begins so. */
static size_t character_size(uint8_t lead, uint8_t *second_min, uint8_t *second_max) {
    *second_min = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    *second_max = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (lead < 0x80) {
        return 1;
    }
    if (lead < 0xC2) {
        return 0;
    }
    return lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
}

int hemp_utf8_valid(const uint8_t *text, size_t size) {
    size_t at = 0;
    while (at < size) {
        uint8_t second_min;
        uint8_t second_max;
        const size_t length = character_size(text[at], &second_min, &second_max);
        if (length == 0 || length > size - at) {
            return 0;
        }
        if (length > 1 && (text[at + 1] < second_min || text[at + 1] > second_max)) {
            return 0;
        }
        for (size_t i = 2; i < length; i++) {
            if ((text[at + i] & 0xC0u) != 0x80u) {
                return 0;
            }
        }
        at += length;
    }
    return 1;
}
