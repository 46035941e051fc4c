/* Many threads on one open file, to be run under ThreadSanitizer: threads FILE...
 *
 * Each thread decodes every tensor of every file again and again, all in one order but from another beginning, and
 * compares with what one thread alone has decoded. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hemp.h"

enum { THREADS = 4, ROUNDS = 2, MAX_FILE = 1 << 22, MAX_TENSORS = 64 };

typedef struct shared {
    hemp_file file;
    uint8_t *expected[MAX_TENSORS];
    size_t sizes[MAX_TENSORS];
} shared;

typedef struct job {
    const shared *what;
    uint64_t first;
    int failures;
} job;

static uint8_t *decode(const hemp_file *file, uint64_t tensor, size_t *size) {
    hemp_tensor_info info;
    uint64_t need = 0;
    hemp_describe_tensor(file, tensor, &info);
    *size = (size_t)info.elements * hemp_element_size(&info, HEMP_AS_STORED);
    hemp_tensor_memory(file, tensor, HEMP_AS_STORED, &need, NULL);
    uint8_t *out = (uint8_t *)malloc(*size + 1);
    void *scratch = malloc((size_t)need + 1);
    const hemp_status status =
        hemp_decode_tensor(file, tensor, HEMP_AS_STORED, out, *size, scratch, (size_t)need, NULL);
    free(scratch);
    if (status != HEMP_OK) {
        memset(out, 0xEE, *size + 1);
    }
    return out;
}

static void *work(void *argument) {
    job *own = (job *)argument;
    const uint64_t count = own->what->file.directory.tensor_count;
    for (uint64_t i = 0; i < ROUNDS * count; i++) {
        const uint64_t tensor = (own->first + i) % count;
        size_t size;
        uint8_t *found = decode(&own->what->file, tensor, &size);
        own->failures += size != own->what->sizes[tensor] || memcmp(found, own->what->expected[tensor], size) != 0;
        free(found);
    }
    return NULL;
}

static int run(const uint8_t *bytes, size_t size) {
    static shared what;
    pthread_t threads[THREADS];
    job jobs[THREADS];
    int failures = 0;
    const hemp_source source = {bytes, size, NULL, NULL};
    hemp_open(&what.file, &source, NULL, NULL, 0, NULL);
    const size_t need = (size_t)what.file.memory_needed;
    void *memory = malloc(need);
    if (hemp_open(&what.file, &source, NULL, memory, need, NULL) != HEMP_OK ||
        what.file.directory.tensor_count > MAX_TENSORS) {
        return 1;
    }
    for (uint64_t i = 0; i < what.file.directory.tensor_count; i++) {
        what.expected[i] = decode(&what.file, i, &what.sizes[i]);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        jobs[i].what = &what;
        jobs[i].first = i;
        jobs[i].failures = 0;
        if (pthread_create(&threads[i], NULL, work, &jobs[i]) != 0) {
            return 1;
        }
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        failures += jobs[i].failures;
    }
    for (uint64_t i = 0; i < what.file.directory.tensor_count; i++) {
        free(what.expected[i]);
    }
    free(memory);
    return failures;
}

int main(int argc, char **argv) {
    static uint8_t bytes[MAX_FILE];
    int failures = 0;
    for (int i = 1; i < argc; i++) {
        FILE *stream = fopen(argv[i], "rb");
        if (stream == NULL) {
            return 2;
        }
        const size_t size = fread(bytes, 1, sizeof bytes, stream);
        fclose(stream);
        failures += run(bytes, size);
    }
    return failures > 0;
}
