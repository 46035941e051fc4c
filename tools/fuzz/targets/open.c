/* Target: open a file and ask for everything that its directory says; no segment is decoded. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

static void ask_levels(const hemp_file *file, uint64_t tensor, const hemp_tensor_info *info) {
    for (unsigned form = HEMP_AS_STORED; form <= HEMP_AS_FLOAT16; form++) {
        const size_t size = (size_t)info->num_levels * hemp_element_size(info, (hemp_form)form);
        void *levels = fuzz_take(size);
        const hemp_status status = hemp_decode_levels(file, tensor, (hemp_form)form, levels, size, NULL);
        if (status != (info->num_levels > 0 ? HEMP_OK : HEMP_BAD_ARGUMENT)) {
            fuzz_fail("levels of a checked file are refused");
        }
        free(levels);
    }
}

static void ask_tensor(const hemp_file *file, uint64_t tensor) {
    hemp_tensor_info info;
    uint64_t need;
    if (hemp_describe_tensor(file, tensor, &info) != HEMP_OK) {
        fuzz_fail("a tensor of a checked file is refused");
    }
    char *name = (char *)fuzz_copy(info.name, info.name_size);
    if (hemp_find_tensor(file, name, info.name_size) != tensor) {
        fuzz_fail("a name is not found where it stands");
    }
    free(name);
    uint64_t elements = 1;
    for (uint32_t i = 0; i < info.rank; i++) {
        elements *= info.dims[i];
    }
    if (elements != info.elements) {
        fuzz_fail("a shape has another number of elements");
    }
    ask_levels(file, tensor, &info);
    if (info.segments <= 64) {
        for (unsigned form = HEMP_AS_STORED; form <= HEMP_AS_INDICES; form++) {
            hemp_tensor_memory(file, tensor, (hemp_form)form, &need, NULL);
        }
    }
}

static void ask_metadata(const hemp_file *file) {
    static const uint8_t tags[] = {1, HEMP_CHUNK_METADATA, HEMP_CHUNK_SOURCE, 0xFF};
    hemp_pair pair;
    uint64_t size;
    uint64_t sum = 0;
    memset(&pair, 0, sizeof pair);
    while (hemp_next_pair(file, &pair)) {
        for (size_t i = 0; i < pair.key_size; i++) {
            sum += (unsigned char)pair.key[i];
        }
        for (size_t i = 0; i < pair.value_size; i++) {
            sum += (unsigned char)pair.value[i];
        }
    }
    for (size_t i = 0; i < sizeof tags; i++) {
        const uint8_t *chunk = hemp_find_chunk(&file->directory, tags[i], &size);
        for (uint64_t at = 0; chunk != NULL && at < size; at++) {
            sum += chunk[at];
        }
    }
    if (sum ==
        UINT64_MAX) { /* which is more than a file can hold, but makes sure that the bytes are read and defined */
        fuzz_fail("bytes without end");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hemp_file file;
    void *memory;
    const hemp_source source = {data, size, NULL, NULL};
    if (fuzz_open(&file, &source, &memory) == HEMP_OK) {
        const uint64_t count = file.directory.tensor_count;
        for (uint64_t i = 0; i < count && i < FUZZ_MAX_TENSORS; i++) {
            ask_tensor(&file, i);
        }
        ask_metadata(&file);
    }
    free(memory);
    return 0;
}
