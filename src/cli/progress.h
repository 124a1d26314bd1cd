/* Messages on stderr: log lines, and the progress bar, one line redrawn, or a plain line now and
 * then when that is not a terminal. */
#ifndef HPAC_CLI_PROGRESS_H
#define HPAC_CLI_PROGRESS_H

#include <hpac/trainer.h>

/* Prints log lines from now on, above the bar while there is one. quiet: there is none. */
void progress_begin(bool quiet);
/* A callback for hpac_train_options.progress; `user` is not used. */
void progress_show(void *user, const hpac_progress *progress);
/* A callback, too: a bar with a count, "generating [###...] 12/200", `what` being the text. Not
 * thread-safe: one call at a time. */
void progress_count(void *what, size_t done, size_t total);
void progress_end(void);

#endif
