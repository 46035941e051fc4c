/* Decodes all tensors of a file again and again, natively or as WebAssembly. */
#include "hemp_decoder.h"

#ifdef __wasm__
#define EXPORT(name) __attribute__((export_name(name)))
#else
#define EXPORT(name)
#endif

enum { ROOM = 1 << 26, MOST_TENSORS = 1 << 12 };

static uint8_t content[ROOM];
static uint64_t out[ROOM / 8];
static uint64_t scratch[ROOM / 8];
static uint64_t tables[ROOM / 64];
static hemp_output outputs[MOST_TENSORS];
static hemp_file file;

uint8_t *bench_content(void);
int bench_open(uint32_t size);
uint32_t bench_decode(void);
uint32_t bench_directory_memory(void);
uint32_t bench_memory(int by_segment);

EXPORT("bench_content") uint8_t *bench_content(void) {
    return content;
}

EXPORT("bench_open") int bench_open(uint32_t size) {
    const hemp_source source = {content, size, NULL, NULL};
    return (int)hemp_open(&file, &source, NULL, tables, sizeof tables, NULL);
}

/* Bytes of all tensors, decoded in their own dtypes; 0 after an error. */
EXPORT("bench_decode") uint32_t bench_decode(void) {
    uint64_t bytes = 0;
    for (uint64_t i = 0; i < file.directory.tensor_count && i < MOST_TENSORS; i++) {
        hemp_tensor_info info;
        hemp_describe_tensor(&file, i, &info);
        outputs[i].data = (uint8_t *)out + bytes;
        outputs[i].size = (size_t)info.elements * hemp_element_size(&info, HEMP_AS_STORED);
        bytes += (outputs[i].size + 7) / 8 * 8;
        if (bytes > sizeof out) {
            return 0;
        }
    }
    const hemp_status status = hemp_decode_tensors(&file, HEMP_AS_STORED, outputs, scratch, sizeof scratch, NULL);
    return status == HEMP_OK ? (uint32_t)bytes : 0;
}

EXPORT("bench_directory_memory") uint32_t bench_directory_memory(void) {
    return (uint32_t)file.memory_needed;
}

/* Scratch memory for all tensors at once, or the most that any segment needs together with room for its indices. */
EXPORT("bench_memory") uint32_t bench_memory(int by_segment) {
    uint64_t most = 0;
    if (!by_segment) {
        hemp_tensors_memory(&file, HEMP_AS_STORED, &most, NULL);
        return (uint32_t)most;
    }
    for (uint64_t i = 0; i < file.directory.tensor_count; i++) {
        hemp_tensor_info info;
        uint64_t need = 0;
        hemp_describe_tensor(&file, i, &info);
        const hemp_form form = info.quantizer == HEMP_LOSSLESS ? HEMP_AS_STORED : HEMP_AS_INDICES;
        hemp_tensor_memory(&file, i, form, &need, NULL);
        const uint64_t elements = info.elements < info.segment_elements ? info.elements : info.segment_elements;
        need += elements * hemp_element_size(&info, form);
        most = need > most ? need : most;
    }
    return (uint32_t)most;
}

#ifndef __wasm__
#include <stdio.h>
#include <time.h>

int main(int argc, char **argv) {
    FILE *stream = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (stream == NULL || bench_open((uint32_t)fread(content, 1, sizeof content, stream)) != HEMP_OK) {
        return 2;
    }
    double best = 1e9, spent = 0;
    const uint32_t bytes = bench_decode();
    while (spent < 1.0 && bytes > 0) {
        const clock_t begin = clock();
        bench_decode();
        const double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
        best = seconds < best ? seconds : best;
        spent += seconds;
    }
    printf("%u %.9f %u %u %u\n", bytes, best, bench_directory_memory(), bench_memory(0), bench_memory(1));
    return bytes == 0;
}
#endif
