/* A target on given files, without libFuzzer: replay FILE... */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

enum { MAX_SIZE = 1 << 20 };

int main(int argc, char **argv) {
    uint8_t *bytes = (uint8_t *)fuzz_take(MAX_SIZE);
    for (int i = 1; i < argc; i++) {
        FILE *stream = fopen(argv[i], "rb");
        if (stream == NULL) {
            perror(argv[i]);
            return 2;
        }
        const size_t size = fread(bytes, 1, MAX_SIZE, stream);
        fclose(stream);
        uint8_t *copy = (uint8_t *)fuzz_copy(bytes, size);
        LLVMFuzzerTestOneInput(copy, size);
        free(copy);
    }
    free(bytes);
    printf("%d files\n", argc - 1);
    return 0;
}
