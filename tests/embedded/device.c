/* A model on a device with 64 kB of RAM: the file lies in flash, which is read through a function as an external one
 * would be, and every tensor is decoded segment by segment into one small buffer.
 *
 * Prints a line for each tensor, "NAME STATUS CRC-32 MEMORY", and at the end the RAM that was used. */
#include "cortex_m.h"
#include "hemp_decoder.h"

enum { SEGMENT = 4096 /* elements: the file is made so */, DIRECTORY = 6144, SCRATCH = DEVICE_SCRATCH };

static float weights[SEGMENT];
static uint64_t directory[DIRECTORY / 8];
static uint64_t scratch[SCRATCH / 8];

__asm__(".section .rodata.model\n.globl model\n.globl model_end\nmodel: .incbin \"model.hemp\"\nmodel_end:\n.text\n");
extern const uint8_t model[], model_end[];

static int read_flash(void *context, uint64_t offset, void *out, size_t size) {
    (void)context;
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)out)[i] = model[offset + i];
    }
    return 0;
}

static void put_number(uint64_t number) {
    char digits[21];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    write_text(" ", 1);
    write_text(digits + at, sizeof digits - at);
}

static void put_status(hemp_status status) {
    const char *name = hemp_status_name(status);
    size_t size = 0;
    while (name[size] != 0) {
        size++;
    }
    write_text(" ", 1);
    write_text(name, size);
}

static hemp_status run_tensor(const hemp_file *file, uint64_t tensor, uint32_t *crc, uint64_t *memory) {
    hemp_tensor_info info;
    hemp_status status = hemp_describe_tensor(file, tensor, &info);
    for (uint64_t i = 0; i < info.segments && status == HEMP_OK; i++) {
        const uint64_t left = info.elements - i * SEGMENT;
        uint64_t need = 0;
        status = hemp_segment_memory(file, tensor, i, HEMP_AS_FLOAT32, &need, NULL);
        *memory = need > *memory ? need : *memory;
        if (status == HEMP_OK) {
            status = hemp_decode_segment(file, tensor, i, HEMP_AS_FLOAT32, weights, sizeof weights, scratch,
                                         sizeof scratch, NULL);
        }
        *crc = hemp_crc32(weights, (left < SEGMENT ? (size_t)left : (size_t)SEGMENT) * sizeof(float), *crc);
    }
    return status;
}

static void put_tensor(const hemp_file *file, uint64_t tensor) {
    hemp_tensor_info info;
    uint32_t crc = 0;
    uint64_t memory = 0;
    hemp_describe_tensor(file, tensor, &info);
    const hemp_status status = run_tensor(file, tensor, &crc, &memory);
    write_text(info.name, info.name_size);
    put_status(status);
    put_number(crc);
    put_number(memory);
    write_text("\n", 1);
}

int program(void) {
    hemp_file file;
    const hemp_source source = {NULL, (uint64_t)(model_end - model), read_flash, NULL};
    const hemp_status status = hemp_open(&file, &source, NULL, directory, sizeof directory, NULL);
    write_text("open", 4);
    put_status(status);
    put_number(file.memory_needed);
    write_text("\n", 1);
    for (uint64_t i = 0; status == HEMP_OK && i < file.directory.tensor_count; i++) {
        put_tensor(&file, i);
    }
    write_text("ram", 3);
    put_number(static_bytes());
    put_number(stack_bytes());
    write_text("\n", 1);
    return status != HEMP_OK;
}
