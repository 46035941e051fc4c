/* Damaged files and payloads for the decoding half, to be run under sanitizers.
 *
 *   fuzz SEED ROUNDS FILE...
 *
 * Each round changes a few bytes of one file, makes the checksum of the front right again, opens it, and decodes every
 * segment of a known coder, and then every tensor.  Memory is taken exactly as large as the library asks for, so that a
 * sanitizer sees any step over its end.  The exit status is 1 if an unchanged file is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hemp.h"

enum { MAX_ELEMENTS = 1 << 16 };

typedef struct file {
    uint8_t *bytes;
    size_t size;
} file;

static uint64_t random_state;

static uint32_t random_below(uint32_t limit) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 16) % limit);
}

static void *take(uint64_t size) {
    void *memory = malloc(size > 0 ? (size_t)size : 1);
    if (memory == NULL) {
        fprintf(stderr, "no memory\n");
        exit(2);
    }
    return memory;
}

static file read_file(const char *path) {
    file found = {NULL, 0};
    FILE *stream = fopen(path, "rb");
    if (stream == NULL) {
        perror(path);
        exit(2);
    }
    found.bytes = (uint8_t *)take(1 << 20);
    found.size = fread(found.bytes, 1, 1 << 20, stream);
    fclose(stream);
    return found;
}

static hemp_status decode(uint8_t coder, const uint8_t *payload, size_t size, const hemp_part *part) {
    hemp_status status = HEMP_UNSUPPORTED_CODER;
    if (coder == HEMP_CODER_STORED) {
        status = hemp_stored_decode(payload, size, part, 1);
    } else if (coder == HEMP_CODER_RANS) {
        const uint64_t need = hemp_rans_decode_memory(part, 1);
        void *memory = take(need);
        status = hemp_rans_decode(payload, size, part, 1, memory, (size_t)need);
        free(memory);
    } else if (coder == HEMP_CODER_ARITHMETIC) {
        const uint64_t need = hemp_arithmetic_decode_memory(payload, size, part, 1);
        void *memory = take(need);
        status = hemp_arithmetic_decode(payload, size, part, 1, memory, (size_t)need);
        free(memory);
    }
    return status;
}

static void decode_payload(uint8_t coder, const uint8_t *bytes, size_t size, uint32_t num_levels, uint64_t elements) {
    const uint64_t width = num_levels > 256 ? 2 : 1;
    hemp_part part;
    memset(&part, 0, sizeof part);
    part.num_levels = num_levels;
    part.columns = 1 + elements / 3;
    part.size = elements;
    part.indices = take(width * elements);
    uint8_t *payload = (uint8_t *)take(size);
    memcpy(payload, bytes, size);
    if (decode(coder, payload, size, &part) == HEMP_OK) {
        for (uint64_t i = 0; i < elements; i++) {
            const uint32_t index = width == 2 ? ((uint16_t *)part.indices)[i] : ((uint8_t *)part.indices)[i];
            if (index >= num_levels) {
                fprintf(stderr, "an index is not below num_levels\n");
                abort();
            }
        }
    }
    free(payload);
    free(part.indices);
}

/* The segments of the directory, whatever the damage has made of their coders. */
static void decode_segments(const hemp_directory *directory, const file *content) {
    for (uint64_t i = 0; i < directory->stream_count; i++) {
        const hemp_stream *stream = &directory->streams[i];
        const hemp_tensor *opener = &directory->tensors[stream->opener];
        const hemp_segment *segment = &directory->segments[stream->first_segment];
        uint64_t elements = stream->segment_count > 1 ? directory->segment_elements : stream->elements;
        if (elements > MAX_ELEMENTS || segment->offset + segment->size > content->size) {
            continue;
        }
        decode_payload(stream->coder, content->bytes + segment->offset, (size_t)segment->size, opener->num_levels,
                       elements);
    }
}

static hemp_status open_file(const file *content) {
    uint64_t front_size;
    uint64_t need;
    hemp_place place;
    hemp_status status = hemp_front_size(content->bytes, content->size, 1 << 20, &front_size, &place);
    if (status != HEMP_OK) {
        return status;
    }
    const size_t size = front_size < content->size ? (size_t)front_size : content->size;
    uint8_t *front = (uint8_t *)take(size);
    memcpy(front, content->bytes, size);
    status = hemp_directory_memory(front, size, &need, &place);
    if (status == HEMP_OK) {
        hemp_directory directory;
        void *memory = take(need);
        status = hemp_read_directory(&directory, front, size, content->size, memory, (size_t)need, &place);
        if (status == HEMP_MEMORY_TOO_SMALL) {
            fprintf(stderr, "hemp_directory_memory asked for too little\n");
            abort();
        }
        if (status == HEMP_OK || status == HEMP_TRUNCATED || status == HEMP_TRAILING_BYTES) {
            decode_segments(&directory, content);
        }
        free(memory);
    }
    free(front);
    return status;
}

/* Open the file as an application does and decode every tensor, with exactly the memory that is asked for. */
static void decode_tensors(const file *content) {
    hemp_file opened;
    const hemp_source source = {content->bytes, content->size, NULL, NULL};
    hemp_open(&opened, &source, NULL, NULL, 0, NULL);
    const size_t size = (size_t)opened.memory_needed;
    void *memory = take(size);
    const hemp_status status = hemp_open(&opened, &source, NULL, memory, size, NULL);
    for (uint64_t i = 0; status == HEMP_OK && i < opened.directory.tensor_count; i++) {
        hemp_tensor_info info;
        uint64_t need = 0;
        hemp_describe_tensor(&opened, i, &info);
        for (unsigned form = HEMP_AS_STORED; form <= HEMP_AS_INDICES; form++) {
            const uint32_t element_size = hemp_element_size(&info, (hemp_form)form);
            if (info.elements > MAX_ELEMENTS || element_size == 0 ||
                hemp_tensor_memory(&opened, i, (hemp_form)form, &need, NULL) != HEMP_OK) {
                continue;
            }
            const size_t out_size = (size_t)info.elements * element_size;
            void *out = take(out_size);
            void *scratch = take(need);
            const hemp_status found =
                hemp_decode_tensor(&opened, i, (hemp_form)form, out, out_size, scratch, (size_t)need, NULL);
            if (found == HEMP_MEMORY_TOO_SMALL) {
                fprintf(stderr, "hemp_tensor_memory asked for too little\n");
                abort();
            }
            free(scratch);
            free(out);
        }
    }
    free(memory);
}

static void repair_checksum(file *content) {
    uint64_t front_size;
    if (hemp_front_size(content->bytes, content->size, 1 << 20, &front_size, NULL) != HEMP_OK ||
        front_size > content->size) {
        return;
    }
    const uint32_t crc = hemp_crc32(content->bytes, (size_t)front_size - 4, 0);
    for (unsigned i = 0; i < 4; i++) {
        content->bytes[front_size - 4 + i] = (uint8_t)(crc >> (8 * i));
    }
}

static void replace_in_front(uint8_t *front, uint64_t size, uint32_t old, uint32_t new_value) {
    for (uint64_t at = 0; at + 4 <= size; at++) {
        if ((front[at] | (uint32_t)front[at + 1] << 8 | (uint32_t)front[at + 2] << 16 |
             (uint32_t)front[at + 3] << 24) == old) {
            for (unsigned i = 0; i < 4; i++) {
                front[at + i] = (uint8_t)(new_value >> (8 * i));
            }
            return;
        }
    }
}

/* Make the checksums of the segments right too, so that damaged payloads reach their decoders. */
static void repair_segments(file *content) {
    hemp_file opened;
    const hemp_source source = {content->bytes, content->size, NULL, NULL};
    hemp_open(&opened, &source, NULL, NULL, 0, NULL);
    const size_t size = (size_t)opened.memory_needed;
    void *memory = take(size);
    if (hemp_open(&opened, &source, NULL, memory, size, NULL) == HEMP_OK) {
        for (uint64_t i = 0; i < opened.directory.segment_count; i++) {
            const hemp_segment *segment = &opened.directory.segments[i];
            const uint32_t crc = hemp_crc32(content->bytes + segment->offset, (size_t)segment->size, 0);
            replace_in_front(content->bytes, opened.directory.body_offset, segment->checksum, crc);
        }
    }
    free(memory);
    repair_checksum(content);
}

static void damage(file *content) {
    static const uint8_t special[] = {0, 1, 0x7F, 0x80, 0x81, 0xFF};
    const uint32_t changes = 1 + random_below(4);
    for (uint32_t i = 0; i < changes; i++) {
        uint8_t *byte = &content->bytes[random_below((uint32_t)content->size)];
        switch (random_below(3)) {
        case 0:
            *byte = (uint8_t)(*byte ^ (1u << random_below(8)));
            break;
        case 1:
            *byte = special[random_below(sizeof special)];
            break;
        default:
            *byte = (uint8_t)random_below(256);
            break;
        }
    }
    if (random_below(8) == 0) {
        content->size = 1 + random_below((uint32_t)content->size);
    }
}

static void one_round(const file *original) {
    file content = {(uint8_t *)take(original->size), original->size};
    memcpy(content.bytes, original->bytes, original->size);
    damage(&content);
    repair_checksum(&content);
    open_file(&content);
    repair_segments(&content);
    decode_tensors(&content);
    free(content.bytes);
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: fuzz SEED ROUNDS FILE...\n");
        return 2;
    }
    random_state = strtoull(argv[1], NULL, 10) * 2 + 1;
    const unsigned long rounds = strtoul(argv[2], NULL, 10);
    const int count = argc - 3;
    for (int i = 0; i < count; i++) {
        file content = read_file(argv[3 + i]);
        if (open_file(&content) != HEMP_OK) {
            fprintf(stderr, "%s is refused\n", argv[3 + i]);
            return 1;
        }
        for (unsigned long round = 0; round < rounds; round++) {
            one_round(&content);
        }
        free(content.bytes);
    }
    return 0;
}
