/* The progress bar, and log lines above it. */
#include "progress.h"

#include <hpac/log.h>

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REDRAW_S 0.1 /* on a terminal */
#define LINE_S 10.0  /* elsewhere */
#define BAR_CELLS 12

static struct {
    bool quiet, terminal, shown;
    double last_s;
    char line[256];
} bar;

static void erase(void)
{
    if (bar.shown)
        fputs("\r\033[K", stderr);
}

static void redraw(void)
{
    if (bar.shown) {
        fputs(bar.line, stderr);
        fflush(stderr);
    }
}

/* The log's callback. A reader who has gone (EPIPE, EIO of a lost terminal) loses lines and nothing
 * else. */
static void print_line(void *user, hpac_log_level level, const char *line)
{
    static const char *const marks[] = {"hpac: error: ", "hpac: warning: "};
    (void)user;
    erase();
    fflush(stdout); /* results that stand before it where both go to one file */
    fprintf(stderr, "%s%s\n", level <= HPAC_LOG_WARNING ? marks[level] : "", line);
    redraw();
}

/* A bar is redrawn by an escape sequence. Terminals without (TERM=dumb: Emacs, many CI systems) and
 * users who want none (https://no-color.org) get lines. */
static bool takes_escapes(void)
{
    const char *terminal = getenv("TERM"), *no_color = getenv("NO_COLOR");
    return isatty(STDERR_FILENO) == 1 && terminal && *terminal && strcmp(terminal, "dumb") != 0 &&
           !(no_color && *no_color);
}

/* 80 without a terminal. */
static size_t terminal_width(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void progress_begin(bool quiet)
{
    memset(&bar, 0, sizeof bar);
    bar.quiet = quiet;
    bar.terminal = takes_escapes();
    bar.last_s = hpac_clock_s();
    hpac_log_set_width(terminal_width());
    hpac_log_set_callback(print_line, NULL);
}

/* Whether it is time to show something; the end of a phase always is on a terminal. */
static bool is_due(bool last)
{
    double now = hpac_clock_s();
    if (bar.quiet || now - bar.last_s < (bar.terminal ? (last ? 0 : REDRAW_S) : LINE_S))
        return false;
    bar.last_s = now;
    return true;
}

/* "WHAT [####........] 1/3REST". */
static void draw(const char *what, size_t done, size_t total, const char *rest)
{
    size_t filled = total > 0 ? done * BAR_CELLS / total : BAR_CELLS;
    if (!is_due(done == total))
        return;
    snprintf(bar.line, sizeof bar.line, "%s [%.*s%.*s] %zu/%zu%s", what, (int)filled,
             "############", (int)(BAR_CELLS - filled), "............", done, total, rest);
    if (!bar.terminal) {
        fprintf(stderr, "%s\n", bar.line);
        return;
    }
    /* A line that wraps could not be erased: it is cut to the width of the terminal. */
    size_t width = terminal_width();
    if (width <= sizeof bar.line)
        bar.line[width - 1] = '\0';
    hpac_log_set_width(width);
    erase();
    bar.shown = true;
    redraw();
}

/* "1:05:09" or "5:09". */
static void write_remaining(char text[16], double seconds)
{
    int whole = seconds < 359999 ? (int)(seconds + 0.5) : 359999;
    if (whole >= 3600)
        snprintf(text, 16, "%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60);
    else
        snprintf(text, 16, "%d:%02d", whole / 60, whole % 60);
}

void progress_show(void *user, const hpac_progress *progress)
{
    char what[48] = "predicting", remaining[16], measured[64] = "", waiting[32] = "", rest[160];
    (void)user;
    if (progress->phase == HPAC_PHASE_PREPARE) {
        draw("preparing images", progress->batch, progress->batches, "");
        return;
    }
    if (progress->phase != HPAC_PHASE_PREDICT) {
        snprintf(what, sizeof what, "epoch %u/%u %s", progress->epoch, progress->epochs,
                 progress->phase == HPAC_PHASE_TRAIN ? "train" : "val");
        snprintf(measured, sizeof measured, "  loss %.4f  F1 %.3f", progress->loss,
                 progress->f1_mean);
    }
    if (progress->waiting >= 0.02)
        snprintf(waiting, sizeof waiting, "  waits for data %.0f %%", 100 * progress->waiting);
    write_remaining(remaining, progress->remaining_s);
    snprintf(rest, sizeof rest, "%s  %.0f img/s  %s left%s", measured, progress->images_per_s,
             remaining, waiting);
    draw(what, progress->batch, progress->batches, rest);
}

void progress_count(void *what, size_t done, size_t total)
{
    draw(what, done, total, "");
}

void progress_end(void)
{
    erase();
    bar.shown = false;
}
