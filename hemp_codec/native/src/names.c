/* Unique names (spec/format.md, 4.1).
 *
 * The tensors are sorted by a hash of the name and, among equal hashes, by the name itself, with a merge sort.  So the
 * time is O(bytes of names * log tensors) for any names, even when somebody has made the hashes collide. */
#include "bytes.h"
#include "walk.h"

enum { NUMBER_BITS = 24 }; /* there are at most 2^24 tensors; a key is 40 bits of hash and the tensor's number */

static uint64_t number_of(uint64_t key) {
    return key & (((uint64_t)1 << NUMBER_BITS) - 1);
}

static uint64_t key_of(const hemp_directory *directory, uint64_t number) {
    const hemp_tensor *tensor = &directory->tensors[number];
    const uint8_t *name = directory->front + tensor->name_offset;
    uint64_t hash = UINT64_C(0xCBF29CE484222325); /* FNV-1a */
    for (uint32_t i = 0; i < tensor->name_size; i++) {
        hash = (hash ^ name[i]) * UINT64_C(0x100000001B3);
    }
    return (hash & ~(((uint64_t)1 << NUMBER_BITS) - 1)) | number;
}

static int compare_names(const hemp_directory *directory, uint64_t a_number, uint64_t b_number) {
    const hemp_tensor *a = &directory->tensors[a_number];
    const hemp_tensor *b = &directory->tensors[b_number];
    if (a->name_size != b->name_size) {
        return a->name_size < b->name_size ? -1 : 1;
    }
    return hemp_compare(directory->front + a->name_offset, directory->front + b->name_offset, a->name_size);
}

/* Tensors of one name are in the order of their numbers. */
static int stands_before(const hemp_directory *directory, uint64_t a, uint64_t b) {
    if (a >> NUMBER_BITS == b >> NUMBER_BITS) {
        const int order = compare_names(directory, number_of(a), number_of(b));
        if (order != 0) {
            return order < 0;
        }
    }
    return a < b;
}

static uint64_t smaller(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* Merge every two runs of `width` keys that follow each other. */
static void merge_runs(const hemp_directory *directory, const uint64_t *from, uint64_t *to, uint64_t width) {
    const uint64_t count = directory->tensor_count;
    uint64_t left = 0, middle = 0, right = 0, end = 0;
    for (uint64_t i = 0; i < count; i++) {
        if (i == end) {
            left = end;
            middle = right = smaller(left + width, count);
            end = smaller(middle + width, count);
        }
        const int is_left = right == end || (left < middle && stands_before(directory, from[left], from[right]));
        to[i] = is_left ? from[left++] : from[right++];
    }
}

/* The sorted keys, in one of the two halves of `scratch`. */
static const uint64_t *sort_keys(const hemp_directory *directory, uint64_t *scratch) {
    uint64_t *from = scratch;
    uint64_t *to = scratch + directory->tensor_count;
    for (uint64_t width = 1; width < directory->tensor_count; width *= 2) {
        merge_runs(directory, from, to, width);
        uint64_t *sorted = to;
        to = from;
        from = sorted;
    }
    return from;
}

uint64_t hemp_find_duplicate_name(const hemp_directory *directory, uint64_t *scratch) {
    const uint64_t count = directory->tensor_count;
    uint64_t found = HEMP_NONE;
    for (uint64_t i = 0; i < count; i++) {
        scratch[i] = key_of(directory, i);
    }
    const uint64_t *keys = sort_keys(directory, scratch);
    for (uint64_t i = 1; i < count; i++) {
        const uint64_t number = number_of(keys[i]);
        if (keys[i - 1] >> NUMBER_BITS == keys[i] >> NUMBER_BITS && number < found &&
            compare_names(directory, number_of(keys[i - 1]), number) == 0) {
            found = number;
        }
    }
    return found;
}
