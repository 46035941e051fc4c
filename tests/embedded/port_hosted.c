/* The runner as an ordinary program. */
#include <stdio.h>

#include "runner.h"

size_t port_read(void *out, size_t size) {
    return fread(out, 1, size, stdin);
}

void port_write(const char *text, size_t size) {
    fwrite(text, 1, size, stdout);
}

int main(void) {
    return run();
}
