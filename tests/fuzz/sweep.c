/* Sweeps: any bytes are accepted or refused, and the runs of an accepted one have names that are
 * valid, distinct directories. The configuration to start from is the file "100" beside the
 * input. */
#include "experiment/sweep.h"

#include "input.h"

#include <string.h>

#define BASE_DESCRIPTOR 100

static void make_base(void)
{
    static const char text[] = "data: {labels: l.csv, images: i}\n";
    static bool made;
    if (made)
        return;
    int file = memfd_create("base", 0);
    if (file < 0 || dup2(file, BASE_DESCRIPTOR) < 0 ||
        write(BASE_DESCRIPTOR, text, sizeof text - 1) != (ssize_t)sizeof text - 1)
        abort();
    made = true;
}

static void check_good(const hpac_sweep *sweep)
{
    if (sweep->run_count < 1 || sweep->run_count > HPAC_SWEEP_MAX_RUNS || !sweep->name)
        abort();
    for (size_t i = 0; i < sweep->run_count; i++) {
        const hpac_sweep_run *run = &sweep->runs[i];
        size_t length = strlen(run->name);
        if (length == 0 || length > 250 || strchr(run->name, '/') || run->name[0] == '.' ||
            run->config.layer_count < 1 || !run->config.name)
            abort();
        for (size_t other = 0; other < i; other++)
            if (strcmp(run->name, sweep->runs[other].name) == 0)
                abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes)
{
    make_base();
    hpac_sweep sweep;
    hpac_status status = hpac_sweep_load(fuzz_file(bytes, nbytes), NULL, 0, &sweep);
    if (status == HPAC_OK)
        check_good(&sweep);
    else if (status != HPAC_ERR_CONFIG || !*hpac_error_message() || sweep.runs)
        abort();
    hpac_sweep_fini(&sweep);
    return 0;
}
