/* The results of a sweep: the rows of sweep.csv, and the best first for the terminal. */
#include "sweep_internal.h"

#include "base/memory.h"
#include "rundir/run_results.h"

#include <math.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* Swept keys that have a column in every sweep. */
static bool is_scheduled(const char *key)
{
    static const char *const scheduled[] = {"train.epochs", "train.batch_size",
                                            "train.optimizer.learning_rate"};
    for (size_t i = 0; i < COUNT_OF(scheduled); i++)
        if (strcmp(key, scheduled[i]) == 0)
            return true;
    return false;
}

static const hpac_column plan_columns[] = {
    HPAC_COLUMN_INTEGER("steps", NULL),
    HPAC_COLUMN_INTEGER("train_images", NULL),
    HPAC_COLUMN_INTEGER("validation_images", NULL),
};

/* A column for a swept key: of numbers if all its values are numbers that a double holds to the
 * last digit, or nothing. */
static hpac_status make_key_column(const hpac_sweep *sweep, const char *key, hpac_column *column)
{
    bool numbers = true, any = false;
    for (size_t run = 0; run < sweep->run_count; run++) {
        HPAC_AUTO_FREE char *text = NULL;
        char again[32];
        HPAC_TRY_MEMORY(text = hpac_config_value_text(&sweep->runs[run].config, key), 1);
        hpac_number_text(strtod(text, NULL), again);
        numbers = numbers && (!*text || strcmp(text, again) == 0);
        any = any || *text;
    }
    *column =
        (hpac_column){.name = key, .kind = numbers && any ? HPAC_REAL : HPAC_TEXT, .decimals = 4};
    return HPAC_OK;
}

static hpac_status begin_table(const hpac_sweep_options *options, hpac_table *table)
{
    const hpac_sweep *sweep = options->sweep;
    const hpac_column *last = options->dry_run ? plan_columns : hpac_result_columns;
    size_t last_count = options->dry_run ? COUNT_OF(plan_columns) : HPAC_RESULT_COLUMNS;
    size_t count = HPAC_SCHEDULE_COLUMNS;
    HPAC_AUTO_FREE hpac_column *columns = NULL;
    HPAC_TRY_NEW(columns, count + sweep->key_count + last_count);
    memcpy(columns, hpac_schedule_columns, sizeof hpac_schedule_columns);
    for (size_t k = 0; k < sweep->key_count; k++)
        if (!is_scheduled(sweep->keys[k]))
            HPAC_TRY(make_key_column(sweep, sweep->keys[k], &columns[count++]));
    memcpy(columns + count, last, last_count * sizeof *columns);
    hpac_table_init(table, "sweep", "Runs", columns, count + last_count);
    return HPAC_OK;
}

static hpac_status add_dropout(const hpac_config *config, hpac_table *table)
{
    HPAC_AUTO_FREE double *rates = NULL;
    HPAC_AUTO_FREE char *text = NULL;
    size_t count = 0;
    HPAC_TRY_NEW(rates, config->layer_count + 1);
    for (size_t i = 0; i < config->layer_count; i++)
        if (config->layers[i].kind == HPAC_LAYER_DROPOUT)
            rates[count++] = (double)config->layers[i].rate;
    HPAC_TRY_MEMORY(text = hpac_dropout_text(rates, count), 1);
    hpac_table_add_text(table, text);
    return HPAC_OK;
}

/* A value as the configuration writes it, in the next column. */
static hpac_status add_value(const hpac_config *config, const char *key, hpac_table *table)
{
    HPAC_AUTO_FREE char *text = NULL;
    HPAC_TRY_MEMORY(text = hpac_config_value_text(config, key), 1);
    if (table->columns[table->cell_count % table->column_count].kind == HPAC_TEXT)
        hpac_table_add_text(table, text);
    else
        hpac_table_add_real(table, *text ? strtod(text, NULL) : NAN);
    return HPAC_OK;
}

static hpac_status add_schedule(const hpac_sweep *sweep, const hpac_sweep_run *run,
                                sweep_state state, hpac_table *table)
{
    static const char *const states[] = {
        [SWEEP_MISSING] = "missing", [SWEEP_FAILED] = "failed", [SWEEP_FINISHED] = "finished"};
    const hpac_config *config = &run->config;
    hpac_table_add_row(table, HPAC_CELLS(HPAC_TEXT_CELL(run->name), HPAC_TEXT_CELL(states[state]),
                                         HPAC_TEXT_CELL(config->name),
                                         HPAC_NUMBER_CELL(config->data.target_count),
                                         HPAC_NUMBER_CELL(config->train.epochs),
                                         HPAC_NUMBER_CELL(config->train.batch_size)));
    HPAC_TRY(add_dropout(config, table));
    HPAC_TRY(add_value(config, "train.optimizer.learning_rate", table));
    for (size_t k = 0; k < sweep->key_count; k++)
        if (!is_scheduled(sweep->keys[k]))
            HPAC_TRY(add_value(config, sweep->keys[k], table));
    return HPAC_OK;
}

hpac_status sweep_results_read(const hpac_sweep_options *options, const sweep_row *rows,
                               hpac_table *results)
{
    *results = (hpac_table){0};
    HPAC_TRY(begin_table(options, results));
    for (size_t run = 0; run < options->sweep->run_count; run++) {
        const sweep_row *row = &rows[run];
        bool finished = row->state == SWEEP_FINISHED;
        hpac_run_results result;
        HPAC_TRY(add_schedule(options->sweep, &options->sweep->runs[run], row->state, results));
        if (options->dry_run) {
            hpac_table_add_row(results, HPAC_CELLS(HPAC_NUMBER_CELL(row->plan.steps),
                                                   HPAC_NUMBER_CELL(row->plan.train_images),
                                                   HPAC_NUMBER_CELL(row->plan.validation_images)));
            continue;
        }
        if (finished)
            HPAC_TRY(hpac_run_results_read(row->directory, &result));
        hpac_run_results_add(results, finished ? &result : NULL);
    }
    return results->status;
}

/* Long names are cut to their end, which has the keys that change fastest. */
#define NAME_WIDTH 28

static const hpac_column ranking_columns[] = {
    HPAC_COLUMN_TEXT("run", NULL),
    HPAC_COLUMN_INTEGER("steps", NULL),
    HPAC_COLUMN_REAL("elapsed_s", "time s", 1),
    HPAC_COLUMN_REAL("final_train_loss", "loss", 4),
    HPAC_COLUMN_REAL("final_val_loss", "val loss", 4),
    HPAC_COLUMN_REAL("best_val_loss", "best", 4),
    HPAC_COLUMN_REAL("val_prior_loss", "prior", 4),
    HPAC_COLUMN_REAL("final_val_accuracy", "accuracy", 4),
    HPAC_COLUMN_REAL("final_val_f1_mean", "F1", 3),
    HPAC_COLUMN_REAL("final_val_f1_min", "min", 3),
    HPAC_COLUMN_REAL("final_val_f1_max", "max", 3),
    HPAC_COLUMN_REAL("final_val_f1_std", "std", 3),
};

/* Of a dry run. */
static const hpac_column listing_columns[] = {
    HPAC_COLUMN_TEXT("run", NULL),
    HPAC_COLUMN_TEXT("state", NULL),
    HPAC_COLUMN_INTEGER("classes", NULL),
    HPAC_COLUMN_INTEGER("epochs", NULL),
    HPAC_COLUMN_INTEGER("batch_size", "batch"),
    HPAC_COLUMN_TEXT("dropout", NULL),
    HPAC_COLUMN_REAL("learning_rate", "learning rate", 6),
    HPAC_COLUMN_INTEGER("steps", NULL),
};

/* The cell of a row in the column of this name; an empty one without such a column. */
static hpac_cell cell_in(const hpac_table *results, size_t row, const char *name)
{
    size_t column = hpac_table_find_column(results, name);
    return column < results->column_count ? *hpac_table_cell(results, row, column)
                                          : (hpac_cell){.text = "", .number = NAN};
}

/* Whether row a comes before row b; rows without results come last, in their order. */
static bool is_better(const hpac_table *results, size_t a, size_t b)
{
    double f1_a = cell_in(results, a, "final_val_f1_mean").number;
    double f1_b = cell_in(results, b, "final_val_f1_mean").number;
    if (isnan(f1_a) || isnan(f1_b))
        return !isnan(f1_a);
    if (f1_a != f1_b)
        return f1_a > f1_b;
    return cell_in(results, a, "final_val_loss").number <
           cell_in(results, b, "final_val_loss").number;
}

/* The last `width` characters of UTF-8. */
static const char *end_of(const char *name, size_t width)
{
    const char *from = name + strlen(name);
    for (; from > name && width > 0; width--)
        do
            from--;
        while (from > name && ((unsigned char)*from & 0xC0) == 0x80);
    return from;
}

/* Whether the name of another row has the same end, of which a cut name would show nothing else. */
static bool is_ambiguous(const hpac_table *results, size_t row, size_t width)
{
    const char *end = end_of(cell_in(results, row, "run").text, width);
    for (size_t other = 0; other < hpac_table_row_count(results); other++)
        if (other != row && strcmp(end_of(cell_in(results, other, "run").text, width), end) == 0)
            return true;
    return false;
}

/* The name, cut to its width, with the state of a run unless that is NULL. A cut name that may be
 * another run's gets the run's number in the sweep, from 1, as the log has it. */
static void add_name(const hpac_table *results, size_t row, const char *state, hpac_table *table)
{
    const char *name = cell_in(results, row, "run").text;
    char number[24] = "", text[SWEEP_NAME_NBYTES + 64];
    size_t width = NAME_WIDTH - (state ? strlen(state) + 3 : 0);
    bool cut = end_of(name, width) > name;
    /* 8: the points and the number */
    if (cut && is_ambiguous(results, row, width - 8))
        snprintf(number, sizeof number, "%zu:", row + 1);
    const char *end = end_of(name, cut ? width - 3 - strlen(number) : width);
    snprintf(text, sizeof text, "%s%s%s%s%s%s", number, cut ? "..." : "", end, state ? " (" : "",
             state ? state : "", state ? ")" : "");
    hpac_table_add_text(table, text);
}

/* Adds a row of the results in the columns of `table`: the run, and those of the same names. */
static void add_row(const hpac_table *results, size_t row, const char *state, hpac_table *table)
{
    add_name(results, row, state, table);
    for (size_t c = 1; c < table->column_count; c++) {
        hpac_cell cell = cell_in(results, row, table->columns[c].name);
        if (table->columns[c].kind == HPAC_TEXT)
            hpac_table_add_text(table, cell.text);
        else
            hpac_table_add_real(table, cell.number);
    }
}

void hpac_sweep_rank(const hpac_table *results, hpac_table *ranking)
{
    hpac_table_init(ranking, "ranking",
                    "Runs, best first: by the mean F1 on the validation images after the last "
                    "epoch, then by the validation loss",
                    ranking_columns, COUNT_OF(ranking_columns));
    size_t count = hpac_table_row_count(results);
    HPAC_AUTO_FREE size_t *order = calloc(count + 1, sizeof *order);
    if (!order) {
        ranking->status = hpac_fail_memory((count + 1) * sizeof *order);
        return;
    }
    for (size_t row = 0; row < count; row++) { /* insertion sort: stable */
        size_t at = row;
        for (; at > 0 && is_better(results, row, order[at - 1]); at--)
            order[at] = order[at - 1];
        order[at] = row;
    }
    for (size_t i = 0; i < count; i++) {
        const char *state = cell_in(results, order[i], "state").text;
        add_row(results, order[i], strcmp(state, "finished") == 0 ? NULL : state, ranking);
    }
}

void hpac_sweep_list(const hpac_table *plan, hpac_table *listing)
{
    hpac_table_init(listing, "listing", "Runs", listing_columns, COUNT_OF(listing_columns));
    for (size_t row = 0; row < hpac_table_row_count(plan); row++)
        add_row(plan, row, NULL, listing);
}
