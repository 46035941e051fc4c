#ifndef HEMP_UTF8_H
#define HEMP_UTF8_H

#include "internal.h"

/* 1 if the bytes are valid UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF; else 0. */
int hemp_utf8_valid(const uint8_t *text, size_t size);

#endif
