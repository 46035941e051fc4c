#include "utf8.h"

/* Bytes of the character that begins with `lead`; 0 if none does. */
static size_t character_size(uint8_t lead) {
    if (lead < 0x80) {
        return 1;
    }
    return lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
}

/* Whether the first two bytes may stand together: what is ruled out are overlong forms (E0, F0), surrogates (ED) and
 * code points above U+10FFFF (F4). */
static int second_fits(uint8_t lead, uint8_t second) {
    const int is_upper = second >= (lead == 0xF0 || lead == 0xF4 ? 0x90 : 0xA0);
    if (lead == 0xE0 || lead == 0xF0) {
        return is_upper;
    }
    return (lead != 0xED && lead != 0xF4) || !is_upper;
}

int hemp_utf8_valid(const uint8_t *text, size_t size) {
    size_t at = 0;
    while (at < size) {
        const size_t length = character_size(text[at]);
        if (length == 0 || length > size - at || (length > 1 && !second_fits(text[at], text[at + 1]))) {
            return 0;
        }
        for (size_t i = 1; i < length; i++) {
            if ((text[at + i] & 0xC0u) != 0x80u) {
                return 0;
            }
        }
        at += length;
    }
    return 1;
}
