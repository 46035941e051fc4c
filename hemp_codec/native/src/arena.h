/* Pieces of the caller's memory. */
#ifndef HEMP_ARENA_H
#define HEMP_ARENA_H

#include "internal.h"

enum { HEMP_ALIGNMENT = 8 };

/* `wanted` counts what was asked for, got or not, and what aligning the first byte may take: with no memory at all it
 * tells how much is needed. */
typedef struct hemp_arena {
    uint8_t *next;
    uint64_t left;
    uint64_t wanted;
} hemp_arena;

static inline void hemp_arena_begin(hemp_arena *arena, void *memory, size_t size) {
    const size_t skipped = (HEMP_ALIGNMENT - (uintptr_t)memory % HEMP_ALIGNMENT) % HEMP_ALIGNMENT;
    arena->next = size > skipped ? (uint8_t *)memory + skipped : NULL;
    arena->left = size > skipped ? size - skipped : 0;
    arena->wanted = HEMP_ALIGNMENT - 1;
}

/* `size` bytes, aligned for uint64_t; NULL if they are not there. */
static inline void *hemp_arena_take(hemp_arena *arena, uint64_t size) {
    const uint64_t rounded = (size + HEMP_ALIGNMENT - 1) / HEMP_ALIGNMENT * HEMP_ALIGNMENT;
    uint8_t *found = arena->next;
    arena->wanted += rounded;
    if (size == 0 || size > arena->left) {
        arena->left = size == 0 ? arena->left : 0;
        return NULL;
    }
    arena->left = rounded < arena->left ? arena->left - rounded : 0;
    arena->next = arena->left > 0 ? found + rounded : found;
    return found;
}

#endif
