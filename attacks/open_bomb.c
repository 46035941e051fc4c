/* What the decoder takes for one file at its default limits: open_bomb FILE
 *
 * Opens it, asks for the memory of every tensor and decodes it; prints the status, the most bytes of memory that one
 * call was given, directory, scratch and elements together, and milliseconds of the processor.  Memory is asked for
 * only below 1 GB. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "hemp.h"

enum { MOST = 1 << 30 };

static size_t most;

static void *take(uint64_t size, uint64_t with) {
    most = size + with > most ? (size_t)(size + with) : most;
    return size <= MOST ? malloc(size > 0 ? (size_t)size : 1) : NULL;
}

static hemp_status decode(const hemp_file *file, uint64_t tensor) {
    hemp_tensor_info info;
    uint64_t need = 0;
    hemp_describe_tensor(file, tensor, &info);
    hemp_status status = hemp_tensor_memory(file, tensor, HEMP_AS_STORED, &need, NULL);
    const uint64_t size = info.elements * hemp_element_size(&info, HEMP_AS_STORED);
    if (status != HEMP_OK) {
        return status;
    }
    if (size > file->max_output) { /* no need to have the memory to be told */
        return hemp_decode_tensor(file, tensor, HEMP_AS_STORED, NULL, 0, NULL, 0, NULL);
    }
    void *scratch = take(need, size + file->memory_needed);
    void *out = take(size, need + file->memory_needed);
    status = hemp_decode_tensor(file, tensor, HEMP_AS_STORED, out, (size_t)size, scratch, (size_t)need, NULL);
    free(out);
    free(scratch);
    return status;
}

int main(int argc, char **argv) {
    static uint8_t bytes[1 << 24];
    hemp_file file;
    FILE *stream = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (stream == NULL) {
        return 2;
    }
    const hemp_source source = {bytes, fread(bytes, 1, sizeof bytes, stream), NULL, NULL};
    fclose(stream);
    const clock_t started = clock();
    hemp_status status = hemp_open(&file, &source, NULL, NULL, 0, NULL);
    void *memory = take(file.memory_needed, 0);
    status = hemp_open(&file, &source, NULL, memory, (size_t)file.memory_needed, NULL);
    for (uint64_t i = 0; status == HEMP_OK && i < file.directory.tensor_count; i++) {
        status = decode(&file, i);
    }
    const double seconds = (double)(clock() - started) / CLOCKS_PER_SEC;
    printf("%s %zu %.0f\n", hemp_status_name(status), most, 1000 * seconds);
    free(memory);
    return 0;
}
