/* What the decoder says to a caller: of arguments, memory, limits and sources.
 *
 *   calls COMPLETE.hemp
 *
 * The file is that of spec/format.md, section 11: "w", 4 x 5, of three levels, and "b", two elements, lossless. */
#include <stdio.h>
#include <string.h>

#include "hemp_decoder.h"

#define CHECK(truth)                                                                                                   \
    do {                                                                                                               \
        if (!(truth)) {                                                                                                \
            printf("line %d: %s\n", __LINE__, #truth);                                                                 \
            return 1;                                                                                                  \
        }                                                                                                              \
    } while (0)

static uint8_t bytes[256];
static size_t size;
static uint64_t tables[512];
static uint64_t scratch[8192];
static float out[20];
static hemp_place place;

static int read_bytes(void *context, uint64_t offset, void *to, size_t count) {
    const size_t *fails_from = (const size_t *)context;
    if (offset + count > *fails_from) {
        return 1;
    }
    memcpy(to, bytes + offset, count);
    return 0;
}

static hemp_status open_bytes(hemp_file *file, size_t file_size, const hemp_limits *limits) {
    const hemp_source source = {bytes, file_size, NULL, NULL};
    return hemp_open(file, &source, limits, tables, sizeof tables, &place);
}

static int check_open(void) {
    hemp_file file;
    const hemp_source nothing = {NULL, 10, NULL, NULL};
    const hemp_source unknown = {bytes, HEMP_NONE, NULL, NULL};
    const hemp_limits small = {39, 0};
    CHECK(hemp_open(&file, &nothing, NULL, tables, sizeof tables, &place) == HEMP_BAD_ARGUMENT);
    CHECK(strcmp(place.field, "source") == 0);
    CHECK(hemp_open(&file, &unknown, NULL, tables, sizeof tables, NULL) == HEMP_BAD_ARGUMENT);
    CHECK(open_bytes(&file, 0, NULL) == HEMP_TRUNCATED);
    CHECK(open_bytes(&file, size - 1, NULL) == HEMP_TRUNCATED && place.offset == size - 1);
    CHECK(open_bytes(&file, size + 1, NULL) == HEMP_TRAILING_BYTES && place.offset == size);
    CHECK(open_bytes(&file, size, &small) == HEMP_LIMIT_EXCEEDED);
    CHECK(open_bytes(&file, size, NULL) == HEMP_OK);
    CHECK(file.directory.tensor_count == 2);
    return 0;
}

/* Every size up to what is needed is too small, and says so. */
static int check_open_memory(void) {
    hemp_file file;
    const hemp_source source = {bytes, size, NULL, NULL};
    hemp_open(&file, &source, NULL, NULL, 0, NULL);
    const size_t need = (size_t)file.memory_needed;
    for (size_t i = 0; i + 8 <= need; i++) {
        CHECK(hemp_open(&file, &source, NULL, tables, i, NULL) == HEMP_MEMORY_TOO_SMALL && file.memory_needed == need);
    }
    for (size_t i = 0; i < 8; i++) {
        CHECK(hemp_open(&file, &source, NULL, (uint8_t *)tables + i, need, NULL) == HEMP_OK);
    }
    return 0;
}

static int check_reading(void) {
    hemp_file file;
    size_t fails_from = 0;
    const hemp_source source = {NULL, HEMP_NONE, read_bytes, &fails_from};
    CHECK(hemp_open(&file, &source, NULL, tables, sizeof tables, &place) == HEMP_READ_FAILED);
    fails_from = 30;
    CHECK(hemp_open(&file, &source, NULL, tables, sizeof tables, &place) == HEMP_READ_FAILED);
    fails_from = 55;
    CHECK(hemp_open(&file, &source, NULL, tables, sizeof tables, &place) == HEMP_OK);
    CHECK(file.directory.file_size == size);
    CHECK(hemp_decode_tensor(&file, 0, HEMP_AS_FLOAT32, out, sizeof out, scratch, sizeof scratch, &place) ==
          HEMP_READ_FAILED);
    CHECK(place.tensor == 0 && place.offset == 55);
    fails_from = size;
    CHECK(hemp_decode_tensor(&file, 0, HEMP_AS_FLOAT32, out, sizeof out, scratch, sizeof scratch, NULL) == HEMP_OK);
    return 0;
}

static int check_describing(void) {
    hemp_file file;
    hemp_tensor_info info;
    CHECK(open_bytes(&file, size, NULL) == HEMP_OK);
    CHECK(hemp_find_tensor(&file, "w", 1) == 0 && hemp_find_tensor(&file, "b", 1) == 1);
    CHECK(hemp_find_tensor(&file, "wb", 2) == HEMP_NONE && hemp_find_tensor(&file, "", 0) == HEMP_NONE);
    CHECK(hemp_describe_tensor(&file, 2, &info) == HEMP_BAD_ARGUMENT);
    CHECK(hemp_describe_tensor(&file, 1, &info) == HEMP_OK);
    CHECK(info.quantizer == HEMP_LOSSLESS && info.coder == HEMP_CODER_STORED && info.coded_bytes == 8);
    CHECK(hemp_element_size(&info, HEMP_AS_INDICES) == 0 && hemp_element_size(&info, HEMP_AS_FLOAT16) == 2);
    CHECK(hemp_describe_tensor(&file, 0, &info) == HEMP_OK);
    CHECK(info.rank == 2 && info.dims[0] == 4 && info.dims[1] == 5 && info.elements == 20 && info.num_levels == 3);
    CHECK(info.name_size == 1 && info.name[0] == 'w' && info.dtype == HEMP_FLOAT32 && info.coder == HEMP_CODER_RANS);
    CHECK(info.segments == 1 && info.tied_to == HEMP_NONE && info.solid == 0);
    CHECK(hemp_element_size(&info, HEMP_AS_INDICES) == 1 && hemp_element_size(&info, HEMP_AS_STORED) == 4);
    return 0;
}

static int check_decoding(void) {
    hemp_file file;
    uint64_t need;
    float levels[3];
    uint8_t indices[20];
    CHECK(open_bytes(&file, size, NULL) == HEMP_OK);
    CHECK(hemp_tensor_memory(&file, 0, HEMP_AS_FLOAT32, &need, &place) == HEMP_OK && need <= sizeof scratch);
    CHECK(hemp_decode_tensor(&file, 2, HEMP_AS_FLOAT32, out, sizeof out, scratch, (size_t)need, &place) ==
          HEMP_BAD_ARGUMENT);
    CHECK(hemp_decode_tensor(&file, 1, HEMP_AS_INDICES, out, sizeof out, scratch, (size_t)need, &place) ==
          HEMP_BAD_ARGUMENT);
    CHECK(strcmp(place.field, "form") == 0 && place.tensor == 1);
    CHECK(hemp_decode_segment(&file, 0, 1, HEMP_AS_FLOAT32, out, sizeof out, scratch, (size_t)need, &place) ==
          HEMP_BAD_ARGUMENT);
    CHECK(hemp_decode_tensor(&file, 0, HEMP_AS_FLOAT32, out, sizeof out - 1, scratch, (size_t)need, &place) ==
          HEMP_MEMORY_TOO_SMALL);
    CHECK(strcmp(place.field, "out") == 0);
    for (size_t i = 0; i < need; i += 97) {
        CHECK(hemp_decode_tensor(&file, 0, HEMP_AS_FLOAT32, out, sizeof out, scratch, i, &place) ==
              HEMP_MEMORY_TOO_SMALL);
    }
    CHECK(hemp_decode_tensor(&file, 0, HEMP_AS_INDICES, indices, sizeof indices, scratch, sizeof scratch, NULL) ==
          HEMP_OK);
    CHECK(hemp_decode_levels(&file, 0, HEMP_AS_FLOAT32, levels, sizeof levels, NULL) == HEMP_OK);
    CHECK(levels[0] < -0.49f && levels[0] > -0.51f &&
          hemp_decode_levels(&file, 1, HEMP_AS_FLOAT32, levels, sizeof levels, NULL) == HEMP_BAD_ARGUMENT);
    CHECK(hemp_decode_levels(&file, 0, HEMP_AS_FLOAT32, levels, 11, NULL) == HEMP_MEMORY_TOO_SMALL);
    CHECK(hemp_decode_tensor(&file, 0, HEMP_AS_FLOAT32, out, sizeof out, scratch, (size_t)need, NULL) == HEMP_OK);
    for (unsigned i = 0; i < 20; i++) {
        CHECK(memcmp(&out[i], &levels[indices[i]], sizeof out[i]) == 0);
    }
    return 0;
}

static int check_many(void) {
    hemp_file file;
    float b[2];
    hemp_output outputs[2] = {{NULL, 0}, {b, sizeof b}};
    const hemp_limits small = {0, 87}; /* w has 80 bytes, b has 8 */
    CHECK(open_bytes(&file, size, &small) == HEMP_OK);
    CHECK(hemp_decode_tensors(&file, HEMP_AS_FLOAT32, outputs, scratch, sizeof scratch, &place) == HEMP_OK);
    outputs[0].data = out;
    outputs[0].size = sizeof out;
    CHECK(hemp_decode_tensors(&file, HEMP_AS_FLOAT32, outputs, scratch, sizeof scratch, &place) == HEMP_LIMIT_EXCEEDED);
    CHECK(open_bytes(&file, size, NULL) == HEMP_OK);
    CHECK(hemp_decode_tensors(&file, HEMP_AS_FLOAT32, outputs, scratch, sizeof scratch, &place) == HEMP_OK);
    CHECK(hemp_decode_tensors(&file, HEMP_AS_INDICES, outputs, scratch, sizeof scratch, &place) == HEMP_BAD_ARGUMENT);
    CHECK(place.tensor == 1);
    outputs[1].size = sizeof b - 1;
    CHECK(hemp_decode_tensors(&file, HEMP_AS_FLOAT32, outputs, scratch, sizeof scratch, &place) ==
          HEMP_MEMORY_TOO_SMALL);
    return 0;
}

static int check_damage(void) {
    hemp_file file;
    const hemp_limits small = {0, 79};
    CHECK(open_bytes(&file, size, &small) == HEMP_OK);
    CHECK(hemp_decode_tensor(&file, 0, HEMP_AS_FLOAT16, out, sizeof out, scratch, sizeof scratch, &place) ==
          HEMP_LIMIT_EXCEEDED);
    bytes[60] ^= 1;
    CHECK(open_bytes(&file, size, NULL) == HEMP_OK);
    CHECK(hemp_decode_tensor(&file, 0, HEMP_AS_FLOAT32, out, sizeof out, scratch, sizeof scratch, &place) ==
          HEMP_SEGMENT_CHECKSUM);
    CHECK(place.offset == 55 && place.tensor == 0 && strcmp(place.field, "checksum") == 0);
    CHECK(hemp_decode_tensor(&file, 1, HEMP_AS_FLOAT32, out, sizeof out, scratch, sizeof scratch, &place) == HEMP_OK);
    bytes[60] ^= 1;
    return 0;
}

static int check_metadata(void) {
    hemp_file file;
    hemp_pair pair = {NULL, NULL, 0, 0, 0};
    CHECK(open_bytes(&file, size, NULL) == HEMP_OK);
    CHECK(hemp_next_pair(&file, &pair) && pair.key_size == 2 && memcmp(pair.key, "by", 2) == 0);
    CHECK(pair.value_size == 4 && memcmp(pair.value, "hand", 4) == 0);
    CHECK(!hemp_next_pair(&file, &pair) && !hemp_next_pair(&file, &pair));
    return 0;
}

int main(int argc, char **argv) {
    FILE *stream = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (stream == NULL) {
        printf("usage: calls COMPLETE.hemp\n");
        return 2;
    }
    size = fread(bytes, 1, sizeof bytes, stream);
    fclose(stream);
    if (check_open() || check_open_memory() || check_reading() || check_describing() || check_decoding() ||
        check_many() || check_damage() || check_metadata()) {
        return 1;
    }
    printf("all calls are right\n");
    return 0;
}
