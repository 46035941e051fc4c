/* Opens each file of its input, decodes all tensors in all forms and in all ways, and prints a line for each.
 *
 *   file N STATUS OFFSET TENSOR FIELD METADATA
 *   tensor N STATUS OFFSET FIELD STORED FLOAT32 FLOAT16 INDICES LEVELS
 *
 * In capitals from METADATA and STORED on: CRC-32 of what came out, numbers little-endian; 0 where there is no such
 * form.  LEVELS are the indices looked up in the levels.  "BROKEN" and a reason stand for something that must not be,
 * such as segments that together are not the tensor. */
#include "runner.h"

#include "hemp_decoder.h"

enum { FILE_ROOM = 1 << 18, OUT_ROOM = (1 << 21) + (1 << 16), SCRATCH_ROOM = 1 << 22, TABLE_ROOM = 1 << 19 };

static uint8_t content[FILE_ROOM];
static uint64_t out_room[OUT_ROOM / 8];
static uint64_t scratch_room[SCRATCH_ROOM / 8];
static uint64_t table_room[TABLE_ROOM / 8];
static uint64_t directory_room[SCRATCH_ROOM / 8];

/* ------------------------------------------------------------------------------------------------------------- text */

static void put(const char *text) {
    size_t size = 0;
    while (text[size] != 0) {
        size++;
    }
    port_write(text, size);
}

static void put_number(uint64_t number) {
    char digits[21];
    size_t at = sizeof digits - 1;
    digits[at] = 0;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    put(digits + at);
}

static void put_field(uint64_t number) {
    put(" ");
    if (number == HEMP_NONE) {
        put("-");
    } else {
        put_number(number);
    }
}

static void broken(const char *reason) {
    put("BROKEN ");
    put(reason);
    put("\n");
}

/* ---------------------------------------------------------------------------------------------------------- decoding
 */

static const uint8_t widths[] = {1, 1, 1, 2, 2, 4, 4, 8, 8, 2, 2, 4, 8, 1, 1, 1, 1, 1, 2, 4, 8, 1};

/* CRC-32 of `size` bytes of numbers of `width` bytes, as they would be little-endian. */
static uint32_t crc_of(const uint8_t *numbers, size_t size, size_t width, uint32_t crc) {
    const uint16_t one = 1;
    const int is_little = *(const uint8_t *)&one;
    uint8_t turned[8];
    if (is_little || width == 1) {
        return hemp_crc32(numbers, size, crc);
    }
    for (size_t i = 0; i < size; i += width) {
        for (size_t k = 0; k < width; k++) {
            turned[k] = numbers[i + width - 1 - k];
        }
        crc = hemp_crc32(turned, width, crc);
    }
    return crc;
}

/* Bytes of the numbers that are written: half of an element that is complex. */
static size_t width_of(const hemp_tensor_info *info, hemp_form form) {
    return form == HEMP_AS_STORED ? widths[info->dtype] : hemp_element_size(info, form);
}

static hemp_status decode_whole(const hemp_file *file, uint64_t number, hemp_form form, uint32_t *crc,
                                hemp_place *place) {
    hemp_tensor_info info;
    uint64_t need;
    hemp_describe_tensor(file, number, &info);
    hemp_status status = hemp_tensor_memory(file, number, form, &need, place);
    if (status != HEMP_OK || need > sizeof scratch_room - 1) {
        return status != HEMP_OK ? status : HEMP_MEMORY_TOO_SMALL;
    }
    status = hemp_decode_tensor(file, number, form, out_room, sizeof out_room, (uint8_t *)scratch_room + 1,
                                (size_t)need, place);
    if (status == HEMP_MEMORY_TOO_SMALL) {
        broken("less memory was asked for than is needed");
    }
    if (status == HEMP_OK) {
        const size_t size = (size_t)info.elements * hemp_element_size(&info, form);
        *crc = crc_of((const uint8_t *)out_room, size, width_of(&info, form), 0);
    }
    return status;
}

static void check_segments(const hemp_file *file, uint64_t number, hemp_form form, uint32_t expected) {
    hemp_tensor_info info;
    uint32_t crc = 0;
    hemp_describe_tensor(file, number, &info);
    for (uint64_t i = 0; i < info.segments; i++) {
        uint64_t need;
        const uint64_t left = info.elements - i * info.segment_elements;
        const uint64_t elements = left < info.segment_elements ? left : info.segment_elements;
        const size_t size = (size_t)elements * hemp_element_size(&info, form);
        hemp_segment_memory(file, number, i, form, &need, NULL);
        if (hemp_decode_segment(file, number, i, form, out_room, size, scratch_room, (size_t)need, NULL) != HEMP_OK) {
            broken("a segment of a good tensor is refused");
        }
        crc = crc_of((const uint8_t *)out_room, size, width_of(&info, form), crc);
    }
    if (crc != expected) {
        broken("the segments are not the tensor");
    }
}

/* Look the indices, which are in `out_room`, up in the levels. */
static uint32_t crc_of_levels(const hemp_file *file, uint64_t number, hemp_place *place) {
    hemp_tensor_info info;
    uint32_t crc = 0;
    hemp_describe_tensor(file, number, &info);
    const size_t size = hemp_element_size(&info, HEMP_AS_STORED);
    if (hemp_decode_levels(file, number, HEMP_AS_STORED, table_room, sizeof table_room, place) != HEMP_OK) {
        broken("no levels");
        return 0;
    }
    for (size_t i = 0; i < info.elements; i++) {
        const size_t index = info.num_levels > 256 ? ((uint16_t *)out_room)[i] : ((uint8_t *)out_room)[i];
        crc = crc_of((const uint8_t *)table_room + index * size, size, size, crc);
    }
    return crc;
}

/* ------------------------------------------------------------------------------------------------------------ report
 */

static int read_content(void *context, uint64_t offset, void *out, size_t size) {
    const size_t *file_size = (const size_t *)context;
    if (offset > *file_size || size > *file_size - offset) {
        return 1;
    }
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)out)[i] = content[offset + i];
    }
    return 0;
}

enum { FORMS = 4, MOST_TENSORS = 64 };
static hemp_output outputs[MOST_TENSORS];
static uint32_t expected[FORMS][MOST_TENSORS];

/* Decode every second tensor, or all, at once: what can be had in the form.  `expected` holds what each alone gave. */
static void check_at_once(const hemp_file *file, hemp_form form, uint64_t step) {
    hemp_tensor_info info;
    size_t used = 0;
    uint64_t need;
    for (uint64_t i = 0; i < file->directory.tensor_count; i++) {
        hemp_describe_tensor(file, i, &info);
        const uint32_t size = i % step == step - 1 ? hemp_element_size(&info, form) : 0;
        outputs[i].data = size > 0 ? (uint8_t *)out_room + used : NULL;
        outputs[i].size = (size_t)info.elements * size;
        used = (used + outputs[i].size + 7) / 8 * 8;
    }
    hemp_tensors_memory(file, form, &need, NULL);
    if (hemp_decode_tensors(file, form, outputs, scratch_room, (size_t)need, NULL) != HEMP_OK) {
        broken("tensors that can be decoded one by one cannot at once");
    }
    for (uint64_t i = 0; i < file->directory.tensor_count; i++) {
        hemp_describe_tensor(file, i, &info);
        const uint8_t *data = (const uint8_t *)outputs[i].data;
        if (data != NULL && crc_of(data, outputs[i].size, width_of(&info, form), 0) != expected[form][i]) {
            broken("a tensor decoded with others is another");
        }
    }
}

static hemp_status put_tensor(const hemp_file *file, const hemp_file *by_reading, uint64_t number) {
    hemp_tensor_info info;
    hemp_place place = {0, HEMP_NONE, "-"};
    uint32_t crc[FORMS] = {0, 0, 0, 0}, read_crc = 0, levels_crc = 0;
    hemp_describe_tensor(file, number, &info);
    const hemp_status status = decode_whole(file, number, HEMP_AS_STORED, &crc[0], &place);
    const hemp_status read_status = decode_whole(by_reading, number, HEMP_AS_STORED, &read_crc, &place);
    if (status != read_status || crc[0] != read_crc) {
        broken("a file that is read gives something else");
    }
    for (unsigned form = 0; form < FORMS && status == HEMP_OK; form++) {
        if (hemp_element_size(&info, (hemp_form)form) == 0) {
            continue;
        }
        if (form != HEMP_AS_STORED && decode_whole(file, number, (hemp_form)form, &crc[form], &place) != HEMP_OK) {
            broken("a form is refused");
        }
        if (form == HEMP_AS_INDICES) {
            levels_crc = crc_of_levels(file, number, &place);
        }
        check_segments(file, number, (hemp_form)form, crc[form]);
        if (form == HEMP_AS_FLOAT32) {
            check_segments(by_reading, number, (hemp_form)form, crc[form]);
        }
        expected[form][number % MOST_TENSORS] = crc[form];
    }
    put("tensor");
    put_field(number);
    put(" ");
    put(hemp_status_name(status));
    put_field(status == HEMP_OK ? HEMP_NONE : place.offset);
    put(" ");
    put(place.field);
    for (unsigned form = 0; form < FORMS; form++) {
        put_field(crc[form]);
    }
    put_field(levels_crc);
    put("\n");
    return status;
}

static hemp_status open_both(hemp_file *file, hemp_file *by_reading, size_t *size, hemp_place *place) {
    const hemp_source source = {content, *size, NULL, NULL};
    const hemp_source reading = {NULL, *size, read_content, size};
    uint8_t *half = (uint8_t *)directory_room + sizeof directory_room / 2;
    hemp_status status = hemp_open(file, &source, NULL, NULL, 0, place);
    if (status == HEMP_MEMORY_TOO_SMALL) {
        status = hemp_open(file, &source, NULL, (uint8_t *)directory_room + 3, (size_t)file->memory_needed, place);
    }
    if (hemp_open(by_reading, &reading, NULL, half, sizeof directory_room / 2, place) != status) {
        broken("a file that is read opens otherwise");
    }
    return status;
}

static void put_file(uint32_t number, size_t size) {
    hemp_file file, by_reading;
    hemp_pair pair = {NULL, NULL, 0, 0, 0};
    hemp_place place = {0, HEMP_NONE, "-"};
    uint32_t crc = 0;
    const hemp_status status = open_both(&file, &by_reading, &size, &place);
    const int is_good = status == HEMP_OK;
    int all_good = is_good && file.directory.tensor_count <= MOST_TENSORS;
    put("file");
    put_field(number);
    put(" ");
    put(hemp_status_name(status));
    put_field(is_good ? HEMP_NONE : place.offset);
    put_field(is_good ? HEMP_NONE : place.tensor);
    put(" ");
    put(is_good ? "-" : place.field);
    while (status == HEMP_OK && hemp_next_pair(&file, &pair)) {
        crc = hemp_crc32(pair.key, pair.key_size, crc);
        crc = hemp_crc32(pair.value, pair.value_size, crc);
    }
    put_field(crc);
    put("\n");
    for (uint64_t i = 0; status == HEMP_OK && i < file.directory.tensor_count; i++) {
        hemp_tensor_info info;
        hemp_describe_tensor(&file, i, &info);
        if (hemp_find_tensor(&file, info.name, info.name_size) != i) {
            broken("a tensor is not found by its name");
        }
        all_good &= put_tensor(&file, &by_reading, i) == HEMP_OK;
    }
    for (unsigned form = 0; form < FORMS && all_good; form++) {
        check_at_once(form == HEMP_AS_FLOAT16 ? &by_reading : &file, (hemp_form)form, form == HEMP_AS_INDICES ? 2 : 1);
    }
}

int run(void) {
    uint8_t head[4];
    for (uint32_t number = 0; port_read(head, sizeof head) == sizeof head; number++) {
        const size_t size = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
        if (size > sizeof content || port_read(content, size) != size) {
            broken("the input is not files and their sizes");
            return 1;
        }
        put_file(number, size);
    }
    return 0;
}
