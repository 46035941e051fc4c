/* Lists the tensors of a .hemp file and decodes each to float32.
 *
 * With the two files that `python tools/amalgamate.py .` makes:
 *
 *     cc -O2 print_tensors.c hemp_decoder.c -o print_tensors
 *
 * or with an installed libhemp, by CMakeLists.txt or
 *
 *     cc -O2 -DUSE_LIBHEMP print_tensors.c $(pkg-config --cflags --libs hemp) -o print_tensors
 */
#include <stdio.h>
#include <stdlib.h>

#ifdef USE_LIBHEMP
#include <hemp.h>
#else
#include "hemp_decoder.h"
#endif

/* The decoder asks for what it needs, piece by piece; the file itself stays on disk. */
static int read_file(void *file, uint64_t offset, void *out, size_t size) {
    return fseek((FILE *)file, (long)offset, SEEK_SET) != 0 || fread(out, 1, size, (FILE *)file) != size;
}

static void fail(hemp_status status, const hemp_place *place) {
    fprintf(stderr, "%s at byte %llu, field %s\n", hemp_status_name(status), (unsigned long long)place->offset,
            place->field);
    exit(1);
}

static void *allocate(uint64_t size) {
    void *memory = size <= SIZE_MAX ? malloc(size > 0 ? (size_t)size : 1) : NULL;
    if (memory == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return memory;
}

static void print_tensor(const hemp_file *model, uint64_t number) {
    hemp_tensor_info info;
    hemp_place place;
    uint64_t scratch_size;
    hemp_describe_tensor(model, number, &info);
    printf("%.*s: %u dimensions, %llu elements", (int)info.name_size, info.name, (unsigned)info.rank,
           (unsigned long long)info.elements);
    if (hemp_element_size(&info, HEMP_AS_FLOAT32) == 0) {
        printf(", not of floating-point numbers\n");
        return;
    }
    hemp_status status = hemp_tensor_memory(model, number, HEMP_AS_FLOAT32, &scratch_size, &place);
    if (status != HEMP_OK) {
        fail(status, &place);
    }
    const uint64_t size = info.elements * sizeof(float);
    float *weights = (float *)allocate(size);
    void *scratch = allocate(scratch_size);
    status = hemp_decode_tensor(model, number, HEMP_AS_FLOAT32, weights, (size_t)size, scratch, (size_t)scratch_size,
                                &place);
    if (status != HEMP_OK) {
        fail(status, &place);
    }
    double sum = 0;
    for (uint64_t i = 0; i < info.elements; i++) {
        sum += weights[i];
    }
    printf(", mean %.6f\n", info.elements > 0 ? sum / (double)info.elements : 0.0);
    free(scratch);
    free(weights);
}

int main(int argc, char **argv) {
    hemp_file model;
    hemp_place place;
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (file == NULL) {
        fprintf(stderr, "usage: print_tensors MODEL.hemp\n");
        return 2;
    }
    fseek(file, 0, SEEK_END);
    const hemp_source source = {NULL, (uint64_t)ftell(file), read_file, file};
    void *memory = NULL;
    size_t size = 0;
    hemp_status status;
    while ((status = hemp_open(&model, &source, NULL, memory, size, &place)) == HEMP_MEMORY_TOO_SMALL) {
        free(memory);
        memory = allocate(model.memory_needed);
        size = (size_t)model.memory_needed;
    }
    if (status != HEMP_OK) {
        fail(status, &place);
    }
    for (uint64_t i = 0; i < model.directory.tensor_count; i++) {
        print_tensor(&model, i);
    }
    free(memory);
    fclose(file);
    return 0;
}
