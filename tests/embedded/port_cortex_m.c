/* The runner on a Cortex-M. */
#include "cortex_m.h"
#include "runner.h"

size_t port_read(void *out, size_t size) {
    return read_input(out, size);
}

void port_write(const char *text, size_t size) {
    write_text(text, size);
}

int program(void) {
    return run();
}
