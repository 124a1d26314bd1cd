/*
 * What goes wrong with cuDNN and cuBLAS, one mistake a name, for tests/cudasim/libraries.bats:
 *
 *     library_faults short_workspace [right]
 *
 * With `right` the same is done as it should be. The exit code is 0 when the libraries took it, 3
 * when a call was refused, with its name and reason; the simulator's own reports end the program
 * with 96 (leaks) or 97.
 */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

static const fault_case *find(const char *name)
{
    const fault_case *const tables[] = {cudnn_mistakes, cublas_mistakes, capture_mistakes};
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        for (const fault_case *each = tables[i]; each->name; each++)
            if (strcmp(each->name, name) == 0)
                return each;
    return NULL;
}

int main(int argc, char **argv)
{
    fault_fixture fixture = {.wrong = argc < 3 || strcmp(argv[2], "right") != 0};
    const fault_case *mistake = find(argc > 1 ? argv[1] : "");
    if (!mistake) {
        fprintf(stderr, "no such mistake\n");
        return 2;
    }
    fixture_open(&fixture);
    mistake->make(&fixture);
    fixture_close(&fixture);
    return 0;
}
