/* What decoding needs of an open file. */
#ifndef HEMP_FILE_H
#define HEMP_FILE_H

#include "arena.h"
#include "internal.h"

/* Copy bytes of the file; HEMP_READ_FAILED if they cannot be had. */
hemp_status hemp_source_read(const hemp_source *source, uint64_t offset, void *out, size_t size);

/* hemp_read_directory into what is left of `arena`. */
hemp_status hemp_list_directory(hemp_directory *directory, const uint8_t *front, size_t front_size, uint64_t file_size,
                                hemp_arena *arena, hemp_place *place);

/* The record that holds the content of a tensor: its own, or that of the record it is tied to. */
const hemp_tensor *hemp_content(const hemp_file *file, uint64_t tensor);

/* Pieces of a record that can be decoded alone. */
uint64_t hemp_segments_of(const hemp_file *file, const hemp_tensor *record);

/* The dtype of the elements of a record in a form; HEMP_DTYPE_COUNT if it cannot be had in it, or is not a number. */
uint8_t hemp_dtype_in_form(const hemp_tensor *record, hemp_form form);

/* Bytes of an element of a record in a form, 0 if it cannot be had in it. */
uint32_t hemp_size_in_form(const hemp_tensor *record, hemp_form form);

#endif
