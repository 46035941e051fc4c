/* A Cortex-M processor and its debugger: start, and input and output by semihosting. */
#ifndef CORTEX_M_H
#define CORTEX_M_H

#include <stddef.h>
#include <stdint.h>

/* The program; what it gives is the exit status. */
int program(void);

void write_text(const char *text, size_t size);
size_t read_input(void *out, size_t size);

/* Bytes of data that must lie in RAM, and of the stack as far as it was ever used. */
size_t static_bytes(void);
size_t stack_bytes(void);

#endif
