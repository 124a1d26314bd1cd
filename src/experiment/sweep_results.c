/* What a sweep came to: the rows of sweep.csv, and the best first for the terminal. */
#include "sweep_internal.h"

#include "base/file.h"
#include "rundir/run_results.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- columns ---- */

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* Swept keys that have a column in every sweep. */
static const char *const scheduled_keys[] = {"train.epochs", "train.batch_size",
                                             "train.optimizer.learning_rate"};

static const hpac_column plan_columns[] = {
    HPAC_COLUMN_INTEGER("steps", NULL),
    HPAC_COLUMN_INTEGER("train_images", NULL),
    HPAC_COLUMN_INTEGER("validation_images", NULL),
};

/* ---- values of keys ---- */

static bool is_scheduled(const char *key)
{
    for (size_t i = 0; i < COUNT_OF(scheduled_keys); i++)
        if (strcmp(key, scheduled_keys[i]) == 0)
            return true;
    return false;
}

/* The texts of a key, a run each. Freed by free_texts; NULL: no memory. */
static char **texts_of(const hpac_sweep *sweep, const char *key)
{
    char **texts = calloc((size_t)sweep->run_count, sizeof *texts);
    for (int i = 0; texts && i < sweep->run_count; i++) {
        texts[i] = hpac_config_value_text(&sweep->runs[i].config, key);
        if (!texts[i]) {
            while (i-- > 0)
                free(texts[i]);
            free(texts);
            return NULL;
        }
    }
    return texts;
}

static void free_texts(char **texts, int count)
{
    for (int i = 0; texts && i < count; i++)
        free(texts[i]);
    free(texts);
}

/* Whether all are numbers that a double holds to the last digit, or nothing. */
static bool are_numbers(char *const *texts, int count)
{
    bool any = false;
    for (int i = 0; i < count; i++) {
        char again[32];
        hpac_number_text(strtod(texts[i], NULL), again);
        if (*texts[i] && strcmp(texts[i], again) != 0)
            return false;
        any = any || *texts[i];
    }
    return any;
}

/* ---- the table's columns ---- */

/* A column for each swept key that has none yet. */
static hpac_status add_key_columns(const hpac_sweep *sweep, hpac_column *columns, size_t *count)
{
    for (int k = 0; k < sweep->key_count; k++) {
        if (is_scheduled(sweep->keys[k]))
            continue;
        char **texts = texts_of(sweep, sweep->keys[k]);
        if (!texts)
            return hpac_fail_memory(sizeof *texts);
        bool numbers = are_numbers(texts, sweep->run_count);
        columns[(*count)++] = (hpac_column){
            .name = sweep->keys[k], .kind = numbers ? HPAC_REAL : HPAC_TEXT, .decimals = 4};
        free_texts(texts, sweep->run_count);
    }
    return HPAC_OK;
}

static hpac_status begin_table(const hpac_sweep_options *options, hpac_table *table)
{
    const hpac_sweep *sweep = options->sweep;
    size_t capacity = HPAC_SCHEDULE_COLUMNS + (size_t)sweep->key_count + HPAC_RESULT_COLUMNS;
    hpac_column *columns = calloc(capacity, sizeof *columns);
    if (!columns)
        return hpac_fail_memory(capacity * sizeof *columns);
    size_t count = HPAC_SCHEDULE_COLUMNS;
    memcpy(columns, hpac_schedule_columns, sizeof hpac_schedule_columns);
    hpac_status status = add_key_columns(sweep, columns, &count);
    const hpac_column *last = options->dry_run ? plan_columns : hpac_result_columns;
    size_t last_count = options->dry_run ? COUNT_OF(plan_columns) : HPAC_RESULT_COLUMNS;
    memcpy(columns + count, last, last_count * sizeof *columns);
    if (status == HPAC_OK)
        hpac_table_init(table, "sweep", "Runs", columns, count + last_count);
    free(columns);
    return status;
}

/* ---- a row ---- */

static hpac_status add_dropout(const hpac_config *config, hpac_table *table)
{
    double *rates = calloc(config->layer_count + 1, sizeof *rates);
    size_t count = 0;
    for (size_t i = 0; i < config->layer_count && rates; i++)
        if (config->layers[i].kind == HPAC_LAYER_DROPOUT)
            rates[count++] = (double)config->layers[i].rate;
    char *text = rates ? hpac_dropout_text(rates, count) : NULL;
    if (text)
        hpac_table_add_text(table, text);
    free(rates);
    free(text);
    return text ? HPAC_OK : hpac_fail_memory(1);
}

/* A value as the configuration writes it, in the column that comes next. */
static hpac_status add_value(const hpac_config *config, const char *key, hpac_table *table)
{
    char *text = hpac_config_value_text(config, key);
    if (!text)
        return hpac_fail_memory(1);
    if (table->columns[table->cell_count % table->column_count].kind == HPAC_TEXT)
        hpac_table_add_text(table, text);
    else
        hpac_table_add_real(table, *text ? strtod(text, NULL) : NAN);
    free(text);
    return HPAC_OK;
}

static hpac_status add_schedule(const hpac_sweep *sweep, int run, sweep_state state,
                                hpac_table *table)
{
    static const char *const states[] = {
        [SWEEP_MISSING] = "missing", [SWEEP_FAILED] = "failed", [SWEEP_FINISHED] = "finished"};
    const hpac_config *config = &sweep->runs[run].config;
    hpac_table_add_text(table, sweep->runs[run].name);
    hpac_table_add_text(table, states[state]);
    hpac_table_add_text(table, config->name);
    hpac_table_add_integer(table, (long long)config->data.target_count);
    hpac_table_add_integer(table, config->train.epochs);
    hpac_table_add_integer(table, (long long)config->train.batch_size);
    hpac_status status = add_dropout(config, table);
    if (status == HPAC_OK)
        status = add_value(config, "train.optimizer.learning_rate", table);
    for (int k = 0; k < sweep->key_count && status == HPAC_OK; k++)
        if (!is_scheduled(sweep->keys[k]))
            status = add_value(config, sweep->keys[k], table);
    return status;
}

static hpac_status add_results(const hpac_sweep_options *options, int run, sweep_state state,
                               hpac_table *table)
{
    if (state != SWEEP_FINISHED) {
        hpac_run_results_add(table, NULL);
        return HPAC_OK;
    }
    char *folder = hpac_path_join(options->folder, "%s", options->sweep->runs[run].name);
    if (!folder)
        return hpac_fail_memory(strlen(options->folder));
    hpac_run_results results;
    hpac_status status = hpac_run_results_read(folder, &results);
    if (status == HPAC_OK)
        hpac_run_results_add(table, &results);
    free(folder);
    return status;
}

static void add_plan(const hpac_train_plan *plan, hpac_table *table)
{
    hpac_table_add_integer(table, (long long)plan->steps);
    hpac_table_add_integer(table, (long long)plan->train_images);
    hpac_table_add_integer(table, (long long)plan->validation_images);
}

hpac_status sweep_results_read(const hpac_sweep_options *options, const sweep_row *rows,
                               hpac_table *results)
{
    *results = (hpac_table){0};
    hpac_status status = begin_table(options, results);
    for (int run = 0; run < options->sweep->run_count && status == HPAC_OK; run++) {
        status = add_schedule(options->sweep, run, rows[run].state, results);
        if (status == HPAC_OK && options->dry_run)
            add_plan(&rows[run].plan, results);
        else if (status == HPAC_OK)
            status = add_results(options, run, rows[run].state, results);
    }
    return status == HPAC_OK ? results->status : status;
}

/* ---- the best first ---- */

/* Long names keep their end, where the keys that change fastest stand. */
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

static const hpac_cell *cell_of(const hpac_table *results, size_t row, const char *name)
{
    for (size_t c = 0; c < results->column_count; c++)
        if (strcmp(results->columns[c].name, name) == 0)
            return hpac_table_cell(results, row, c);
    return NULL;
}

static double number_in(const hpac_table *results, size_t row, const char *name)
{
    const hpac_cell *cell = cell_of(results, row, name);
    return cell ? cell->number : NAN;
}

static const char *text_in(const hpac_table *results, size_t row, const char *name)
{
    const hpac_cell *cell = cell_of(results, row, name);
    return cell && cell->text ? cell->text : "";
}

/* Whether row a stands before row b; rows without results stand last, in their order. */
static bool is_better(const hpac_table *results, size_t a, size_t b)
{
    double f1_a = number_in(results, a, "final_val_f1_mean");
    double f1_b = number_in(results, b, "final_val_f1_mean");
    if (isnan(f1_a) || isnan(f1_b))
        return !isnan(f1_a);
    if (f1_a != f1_b)
        return f1_a > f1_b;
    return number_in(results, a, "final_val_loss") < number_in(results, b, "final_val_loss");
}

/* The name, cut to its width in characters, with the state of a run unless that is NULL. */
static void add_name(const char *name, const char *state, hpac_table *table)
{
    size_t room = NAME_WIDTH - (state ? strlen(state) + 3 : 0), characters = 0;
    const char *from = name + strlen(name);
    while (from > name && characters < room) {
        from--;
        characters += ((unsigned char)*from & 0xC0) != 0x80;
    }
    bool cut = from > name;
    for (int dropped = 0; cut && dropped < 3; dropped++) /* room for the points */
        do
            from++;
        while (((unsigned char)*from & 0xC0) == 0x80);
    char text[SWEEP_NAME_NBYTES + 32];
    snprintf(text, sizeof text, "%s%s%s%s%s", cut ? "..." : "", from, state ? " (" : "",
             state ? state : "", state ? ")" : "");
    hpac_table_add_text(table, text);
}

void hpac_sweep_rank(const hpac_table *results, hpac_table *ranking)
{
    hpac_table_init(ranking, "ranking",
                    "Runs, best first: the highest mean F1 on the validation rows after the last "
                    "epoch, then the lower loss",
                    ranking_columns, COUNT_OF(ranking_columns));
    size_t count = hpac_table_row_count(results), done = 0;
    size_t *order = calloc(count + 1, sizeof *order);
    if (!order) {
        if (ranking->status == HPAC_OK)
            ranking->status = hpac_fail_memory((count + 1) * sizeof *order);
        return;
    }
    for (; done < count; done++) { /* into its place among those before it */
        size_t place = done;
        for (; place > 0 && is_better(results, done, order[place - 1]); place--)
            order[place] = order[place - 1];
        order[place] = done;
    }
    for (size_t i = 0; i < count; i++) {
        const char *state = text_in(results, order[i], "state");
        add_name(text_in(results, order[i], "run"), strcmp(state, "finished") == 0 ? NULL : state,
                 ranking);
        for (size_t c = 1; c < COUNT_OF(ranking_columns); c++)
            hpac_table_add_real(ranking, number_in(results, order[i], ranking_columns[c].name));
    }
    free(order);
}

void hpac_sweep_list(const hpac_table *plan, hpac_table *listing)
{
    hpac_table_init(listing, "listing", "Runs", listing_columns, COUNT_OF(listing_columns));
    for (size_t row = 0; row < hpac_table_row_count(plan); row++) {
        add_name(text_in(plan, row, "run"), NULL, listing);
        for (size_t c = 1; c < COUNT_OF(listing_columns); c++)
            if (listing_columns[c].kind == HPAC_TEXT)
                hpac_table_add_text(listing, text_in(plan, row, listing_columns[c].name));
            else
                hpac_table_add_real(listing, number_in(plan, row, listing_columns[c].name));
    }
}
