/* The decoder as a program for spec/conformance.py: prints what the file named by its last argument holds, or the name
 * of the error, as spec/vectors/README.md says.  For machines whose numbers are little-endian. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hemp_decoder.h"

/* ---------------------------------------------------------------------------------------------------------- SHA-256
 */

static uint32_t turn(uint32_t x, unsigned by) {
    return x >> by | x << (32 - by);
}

static const uint32_t rounds[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static void hash_block(uint32_t state[8], const uint8_t *block) {
    uint32_t w[64], s[8];
    for (unsigned i = 0; i < 16; i++) {
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 |
               block[4 * i + 3];
    }
    for (unsigned i = 16; i < 64; i++) {
        const uint32_t a = turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3;
        const uint32_t b = turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + a + w[i - 7] + b;
    }
    memcpy(s, state, sizeof s);
    for (unsigned i = 0; i < 64; i++) {
        const uint32_t a = turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25);
        const uint32_t b = turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22);
        const uint32_t first = s[7] + a + ((s[4] & s[5]) ^ (~s[4] & s[6])) + rounds[i] + w[i];
        const uint32_t second = b + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += first;
        s[0] = first + second;
    }
    for (unsigned i = 0; i < 8; i++) {
        state[i] += s[i];
    }
}

static void put_hash(const uint8_t *data, uint64_t size) {
    uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    uint8_t last[128] = {0};
    const size_t rest = (size_t)(size % 64), blocks = rest < 56 ? 1 : 2;
    for (uint64_t at = 0; at + 64 <= size; at += 64) {
        hash_block(state, data + at);
    }
    if (rest > 0) {
        memcpy(last, data + (size - rest), rest);
    }
    last[rest] = 0x80;
    for (unsigned i = 0; i < 8; i++) {
        last[64 * blocks - 1 - i] = (uint8_t)(8 * size >> 8 * i);
    }
    for (size_t i = 0; i < blocks; i++) {
        hash_block(state, last + 64 * i);
    }
    for (unsigned i = 0; i < 8; i++) {
        printf("%08lx", (unsigned long)state[i]);
    }
}

/* ----------------------------------------------------------------------------------------------------------- answer
 */

static const char *const dtypes[HEMP_DTYPE_COUNT] = {
    "bool",      "uint8",         "int8",        "uint16",          "int16",           "uint32",
    "int32",     "uint64",        "int64",       "float16",         "bfloat16",        "float32",
    "float64",   "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu",
    "complex32", "complex64",     "complex128",  "float4_e2m1fn_x2"};

static void *room(uint64_t size) {
    void *memory = size < SIZE_MAX ? malloc((size_t)size + 1) : NULL;
    if (memory == NULL) {
        fprintf(stderr, "no memory\n");
        exit(2);
    }
    return memory;
}

static void put_hexadecimal(const void *data, size_t size) {
    for (size_t i = 0; i < size; i++) {
        printf("%02x", ((const uint8_t *)data)[i]);
    }
    if (size == 0) {
        printf("-");
    }
}

typedef struct decoded {
    uint8_t *data; /* NULL if the tensor cannot be had in this form */
    uint64_t size;
} decoded;

/* Decode all tensors in one call, as the limit on what is decoded (spec/format.md, 8.1) is that of one call. */
static hemp_status decode_all(const hemp_file *file, hemp_form form, decoded *tensors) {
    const uint64_t count = file->directory.tensor_count;
    hemp_output *outputs = (hemp_output *)room(count * sizeof *outputs);
    hemp_status status;
    uint64_t need, total = 0;
    void *memory;
    for (uint64_t i = 0; i < count; i++) {
        hemp_tensor_info info;
        hemp_describe_tensor(file, i, &info);
        tensors[i].data = NULL;
        tensors[i].size = info.elements * hemp_element_size(&info, form);
        total += tensors[i].size;
    }
    if (total > file->max_output) {
        free(outputs);
        return HEMP_LIMIT_EXCEEDED;
    }
    for (uint64_t i = 0; i < count; i++) {
        hemp_tensor_info info;
        hemp_describe_tensor(file, i, &info);
        tensors[i].data = hemp_element_size(&info, form) > 0 ? (uint8_t *)room(tensors[i].size) : NULL;
        outputs[i].data = tensors[i].data;
        outputs[i].size = (size_t)tensors[i].size;
    }
    status = hemp_tensors_memory(file, form, &need, NULL);
    if (status == HEMP_OK) {
        memory = room(need);
        status = hemp_decode_tensors(file, form, outputs, memory, (size_t)need, NULL);
        free(memory);
    }
    free(outputs);
    return status;
}

static void put_tensor(const hemp_file *file, uint64_t number, const decoded *elements, const decoded *indices) {
    hemp_tensor_info info;
    hemp_describe_tensor(file, number, &info);
    printf("tensor %s ", dtypes[info.dtype]);
    for (uint32_t i = 0; i < info.rank; i++) {
        printf("%s%llu", i > 0 ? "x" : "", (unsigned long long)info.dims[i]);
    }
    printf(info.rank == 0 ? "scalar " : " ");
    put_hash(elements->data, elements->size);
    printf(" ");
    if (indices->data != NULL && info.tied_to == HEMP_NONE) {
        put_hash(indices->data, indices->size);
    } else {
        printf("-");
    }
    printf(" ");
    put_hexadecimal(info.name, info.name_size);
    printf("\n");
}

static void put_all(const hemp_file *file, const decoded *elements, const decoded *indices) {
    hemp_pair pair = {NULL, NULL, 0, 0, 0};
    uint64_t size;
    const uint8_t *source = hemp_find_chunk(&file->directory, HEMP_CHUNK_SOURCE, &size);
    for (uint64_t i = 0; i < file->directory.tensor_count; i++) {
        put_tensor(file, i, &elements[i], &indices[i]);
    }
    while (hemp_next_pair(file, &pair)) {
        printf("metadata ");
        put_hexadecimal(pair.key, pair.key_size);
        printf(" ");
        put_hexadecimal(pair.value, pair.value_size);
        printf("\n");
    }
    if (source != NULL) {
        printf("source ");
        put_hexadecimal(source + 1, (size_t)size - 1);
        printf("\n");
    }
}

static hemp_status answer(const uint8_t *data, size_t size) {
    hemp_file file;
    const hemp_source source = {data, size, NULL, NULL};
    hemp_status status = hemp_open(&file, &source, NULL, NULL, 0, NULL);
    if (status == HEMP_MEMORY_TOO_SMALL) {
        const size_t needed = (size_t)file.memory_needed;
        status = hemp_open(&file, &source, NULL, room(needed), needed, NULL);
    }
    if (status != HEMP_OK) {
        return status;
    }
    const uint64_t bytes = file.directory.tensor_count * sizeof(decoded);
    decoded *elements = (decoded *)room(bytes), *indices = (decoded *)room(bytes);
    status = decode_all(&file, HEMP_AS_STORED, elements);
    if (status == HEMP_OK) {
        status = decode_all(&file, HEMP_AS_INDICES, indices);
    }
    if (status == HEMP_OK) {
        put_all(&file, elements, indices);
    }
    return status;
}

int main(int count, char **arguments) {
    FILE *stream = count > 1 ? fopen(arguments[count - 1], "rb") : NULL;
    if (stream == NULL || fseek(stream, 0, SEEK_END) != 0) {
        fprintf(stderr, "the last argument is the path of a file\n");
        return 2;
    }
    const size_t size = (size_t)ftell(stream);
    uint8_t *data = (uint8_t *)room(size);
    rewind(stream);
    if (fread(data, 1, size, stream) != size) {
        fprintf(stderr, "the file cannot be read\n");
        return 2;
    }
    const hemp_status status = answer(data, size);
    if (status != HEMP_OK) {
        printf("error %s\n", hemp_status_name(status));
    }
    return status != HEMP_OK;
}
