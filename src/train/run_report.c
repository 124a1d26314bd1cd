/* The report at the end of a training. If it fails, a warning is logged and the run still succeeds.
 */
#include "train_internal.h"

#include <hpac/log.h>

#include "render/plot.h"
#include "report/report.h"

static void warn(const char *folder)
{
    hpac_log_warning("no report is written: %s. To write it later: hpac report %s",
                     hpac_error_message(), folder);
}

bool train_report_probe(const hpac_train_options *options)
{
    if (!options->report || options->dry_run)
        return false;
    bool good = hpac_plot_probe() == HPAC_OK;
    if (!good)
        warn(options->folder);
    return good;
}

hpac_status train_report_write(const char *folder, const volatile sig_atomic_t *stop)
{
    const hpac_report_options options = {.runs = &folder, .run_count = 1, .stop = stop};
    hpac_status status = hpac_report_write(&options);
    if (status == HPAC_INTERRUPTED)
        return hpac_fail(status,
                         "%s: all is trained and saved, but the report was interrupted; to write "
                         "it: hpac report %s",
                         folder, folder);
    if (status != HPAC_OK)
        warn(folder);
    return HPAC_OK;
}
