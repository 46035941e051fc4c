/* The runner as a WebAssembly module without WASI: runner.mjs provides the two functions. */
#include "runner.h"

#define IMPORT(name) __attribute__((import_module("port"), import_name(name)))

IMPORT("read") size_t wasm_read(void *out, size_t size);
IMPORT("write") void wasm_write(const char *text, size_t size);

size_t port_read(void *out, size_t size) {
    return wasm_read(out, size);
}

void port_write(const char *text, size_t size) {
    wasm_write(text, size);
}
