/* A fuzzer's bytes as a file that the readers can open by its path. */
#ifndef HPAC_TESTS_FUZZ_INPUT_H
#define HPAC_TESTS_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Called by the fuzzer for each input. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes);

/* A file in memory with these bytes, the same one each time. Returns its path. */
static inline const char *fuzz_file(const uint8_t *bytes, size_t nbytes)
{
    static int file = -1;
    static char path[64];
    if (file < 0) {
        file = memfd_create("input", 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    }
    if (ftruncate(file, 0) != 0 || pwrite(file, bytes, nbytes, 0) != (ssize_t)nbytes) {
        perror("cannot write the fuzzer's input");
        abort();
    }
    return path;
}

#endif
