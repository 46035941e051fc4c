/* Target: decode every tensor of a file in every form, whole, by segments and all together: errors or the same bytes,
 * indices below the number of levels, and never more memory than was asked for. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

/* A tensor in one form, in exactly the memory it takes; NULL if it is refused. */
static uint8_t *decode_whole(const hemp_file *file, uint64_t tensor, hemp_form form, size_t size) {
    uint64_t need = 0;
    if (hemp_tensor_memory(file, tensor, form, &need, NULL) != HEMP_OK || need > 1 << 28) {
        return NULL;
    }
    uint8_t *out = (uint8_t *)fuzz_take(size);
    void *scratch = fuzz_take(need);
    const hemp_status status = hemp_decode_tensor(file, tensor, form, out, size, scratch, (size_t)need, NULL);
    free(scratch);
    if (status == HEMP_MEMORY_TOO_SMALL) {
        fuzz_fail("hemp_tensor_memory asked for too little");
    }
    if (status != HEMP_OK) {
        free(out);
        return NULL;
    }
    return out;
}

static void check_indices(const hemp_tensor_info *info, const uint8_t *out) {
    for (uint64_t i = 0; i < info->elements; i++) {
        uint16_t index = out[i];
        if (info->num_levels > 256) {
            memcpy(&index, out + 2 * i, 2);
        }
        if (index >= info->num_levels) {
            fuzz_fail("an index is not below the number of levels");
        }
    }
}

static void check_segment(const hemp_file *file, uint64_t tensor, uint64_t segment, hemp_form form,
                          const uint8_t *expected, size_t size) {
    uint64_t need = 0;
    hemp_segment_memory(file, tensor, segment, form, &need, NULL);
    void *scratch = fuzz_take(need);
    uint8_t *out = (uint8_t *)fuzz_take(size);
    const hemp_status status = hemp_decode_segment(file, tensor, segment, form, out, size, scratch, (size_t)need, NULL);
    if (status != HEMP_OK || memcmp(out, expected, size) != 0) {
        fuzz_fail("a segment differs from the tensor");
    }
    free(out);
    free(scratch);
}

static void check_segments(const hemp_file *file, uint64_t tensor, const hemp_tensor_info *info, hemp_form form,
                           const uint8_t *expected) {
    const uint64_t element = hemp_element_size(info, form);
    for (uint64_t i = 0; i < info->segments; i++) {
        const uint64_t start = i * info->segment_elements;
        const uint64_t left = info->elements - start;
        const uint64_t count = left < info->segment_elements ? left : info->segment_elements;
        check_segment(file, tensor, i, form, expected + start * element, (size_t)(count * element));
    }
}

/* All tensors at once in the form `stored`, against those decoded one by one. */
static void check_together(const hemp_file *file, uint8_t *const *expected, const size_t *sizes) {
    hemp_output outputs[FUZZ_MAX_TENSORS];
    uint64_t need = 0;
    size_t total = 0;
    memset(outputs, 0, sizeof outputs);
    if (hemp_tensors_memory(file, HEMP_AS_STORED, &need, NULL) != HEMP_OK || need > 1 << 28) {
        return;
    }
    for (uint64_t i = 0; i < file->directory.tensor_count; i++) {
        if (expected[i] != NULL) {
            outputs[i].data = fuzz_take(sizes[i]);
            outputs[i].size = sizes[i];
            total += sizes[i];
        }
    }
    void *scratch = fuzz_take(need);
    const hemp_status status = hemp_decode_tensors(file, HEMP_AS_STORED, outputs, scratch, (size_t)need, NULL);
    if (status != HEMP_OK && total <= FUZZ_MAX_OUTPUT / 2) {
        fuzz_fail("together the tensors are refused");
    }
    for (uint64_t i = 0; i < file->directory.tensor_count; i++) {
        if (status == HEMP_OK && expected[i] != NULL && memcmp(outputs[i].data, expected[i], sizes[i]) != 0) {
            fuzz_fail("together the tensors differ");
        }
        free(outputs[i].data);
    }
    free(scratch);
}

static uint8_t *decode_forms(const hemp_file *file, uint64_t tensor, size_t *stored_size) {
    hemp_tensor_info info;
    uint8_t *stored = NULL;
    hemp_describe_tensor(file, tensor, &info);
    for (unsigned form = HEMP_AS_STORED; form <= HEMP_AS_INDICES; form++) {
        const uint32_t element = hemp_element_size(&info, (hemp_form)form);
        if (element == 0 || info.elements > FUZZ_MAX_OUTPUT / 16) {
            continue;
        }
        const size_t size = (size_t)info.elements * element;
        uint8_t *out = decode_whole(file, tensor, (hemp_form)form, size);
        if (out != NULL) {
            check_segments(file, tensor, &info, (hemp_form)form, out);
        }
        if (out != NULL && form == HEMP_AS_INDICES) {
            check_indices(&info, out);
        }
        if (form == HEMP_AS_STORED) {
            stored = out;
            *stored_size = size;
        } else {
            free(out);
        }
    }
    return stored;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hemp_file file;
    void *memory;
    uint8_t *stored[FUZZ_MAX_TENSORS];
    size_t sizes[FUZZ_MAX_TENSORS];
    const hemp_source source = {data, size, NULL, NULL};
    if (fuzz_open(&file, &source, &memory) == HEMP_OK && file.directory.tensor_count <= FUZZ_MAX_TENSORS) {
        for (uint64_t i = 0; i < file.directory.tensor_count; i++) {
            sizes[i] = 0;
            stored[i] = decode_forms(&file, i, &sizes[i]);
        }
        check_together(&file, stored, sizes);
        for (uint64_t i = 0; i < file.directory.tensor_count; i++) {
            free(stored[i]);
        }
    }
    free(memory);
    return 0;
}
