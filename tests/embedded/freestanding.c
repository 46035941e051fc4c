/* What the decoder and the compilers need of a C library, for platforms that have none. */
#include <stdint.h>
#include <string.h>

/* Keeps a loop from becoming a call of the very function that it is in. */
#define KEEP_LOOP() __asm__ volatile("" ::: "memory")

typedef struct word {
    uint32_t bytes;
} __attribute__((packed, may_alias)) word;

void *memcpy(void *to, const void *from, size_t size) {
    uint8_t *out = (uint8_t *)to;
    const uint8_t *in = (const uint8_t *)from;
    for (; size >= sizeof(word); size -= sizeof(word), out += sizeof(word), in += sizeof(word)) {
        *(word *)(void *)out = *(const word *)(const void *)in;
        KEEP_LOOP();
    }
    for (; size > 0; size--) {
        *out++ = *in++;
        KEEP_LOOP();
    }
    return to;
}

void *memset(void *to, int byte, size_t size) {
    uint8_t *out = (uint8_t *)to;
    const word filled = {(uint8_t)byte * (uint32_t)0x01010101};
    for (; size >= sizeof(word); size -= sizeof(word), out += sizeof(word)) {
        *(word *)(void *)out = filled;
        KEEP_LOOP();
    }
    for (; size > 0; size--) {
        *out++ = (uint8_t)byte;
        KEEP_LOOP();
    }
    return to;
}

void *memmove(void *to, const void *from, size_t size) {
    if ((uintptr_t)to <= (uintptr_t)from) {
        return memcpy(to, from, size);
    }
    for (; size > 0; size--) {
        ((uint8_t *)to)[size - 1] = ((const uint8_t *)from)[size - 1];
        KEEP_LOOP();
    }
    return to;
}
