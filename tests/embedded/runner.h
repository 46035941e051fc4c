/* Decodes files of all kinds and prints what came out: the same text on every platform. */
#ifndef RUNNER_H
#define RUNNER_H

#include <stddef.h>
#include <stdint.h>

/* What a platform provides.  Input is files, one after the other, each after its size in four bytes, little-endian. */
size_t port_read(void *out, size_t size); /* bytes got, fewer at the end */
void port_write(const char *text, size_t size);

/* 0 if all files were run. */
int run(void);

#endif
