/*
 * What goes wrong with cuDNN and cuBLAS, one mistake a name, for tests/cudasim/libraries.bats:
 *
 *     library_faults short_workspace [right]
 *
 * With `right` the same is done as it should be. The exit code is 0 when the libraries took it, 3
 * when a call was refused, with its name and reason; the bed's own reports end the program with 96
 * (leaks) or 97.
 */
#include "scene.h"

#include <stdio.h>
#include <string.h>

static const scene_mistake *find(const char *name)
{
    const scene_mistake *const tables[] = {cudnn_mistakes, cublas_mistakes, capture_mistakes};
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        for (const scene_mistake *each = tables[i]; each->name; each++)
            if (strcmp(each->name, name) == 0)
                return each;
    return NULL;
}

int main(int argc, char **argv)
{
    fault_scene scene = {.wrong = argc < 3 || strcmp(argv[2], "right") != 0};
    const scene_mistake *mistake = find(argc > 1 ? argv[1] : "");
    if (!mistake) {
        fprintf(stderr, "no such mistake\n");
        return 2;
    }
    scene_open(&scene);
    mistake->make(&scene);
    scene_close(&scene);
    return 0;
}
