/* From a sweep's file to its runs, each with its configuration; all problems are reported together.
 */
#include "sweep_internal.h"

#include "base/memory.h"

#include <string.h>

/* A problem, reported once with the runs it was found in. */
typedef struct fault {
    char *text;
    size_t first, last, count; /* runs */
} fault;

typedef struct sweep_loader {
    sweep_file file;
    const char *const *sets;
    int set_count;
    hpac_sweep *sweep;
    fault *faults;
    size_t fault_count, fault_capacity;
} sweep_loader;

static void loader_fini(sweep_loader *loader)
{
    for (size_t i = 0; i < loader->fault_count; i++)
        free(loader->faults[i].text);
    free(loader->faults);
    sweep_file_fini(&loader->file);
}

static hpac_status note_fault(sweep_loader *loader, size_t run, const char *text, size_t length)
{
    for (size_t i = 0; i < loader->fault_count; i++) {
        fault *known = &loader->faults[i];
        if (strlen(known->text) == length && memcmp(known->text, text, length) == 0) {
            known->count += known->last != run;
            known->last = run;
            return HPAC_OK;
        }
    }
    char *copy;
    HPAC_TRY_GROW(loader->faults, loader->fault_count, loader->fault_capacity);
    HPAC_TRY_MEMORY(copy = strndup(text, length), length);
    loader->faults[loader->fault_count++] = (fault){copy, run, run, 1};
    return HPAC_OK;
}

/* Notes the message of a CONFIG, or each line of `problems`; other failures are passed on. */
static hpac_status note_failure(sweep_loader *loader, size_t run, hpac_status status,
                                const hpac_problems *problems)
{
    if (status != HPAC_ERR_CONFIG)
        return status;
    if (problems->count == 0)
        return note_fault(loader, run, hpac_error_message(), strlen(hpac_error_message()));
    for (const char *line = problems->text; line && *line;) {
        line++; /* a newline precedes each */
        size_t length = strcspn(line, "\n");
        HPAC_TRY(note_fault(loader, run, line, length));
        line += length;
    }
    return HPAC_OK;
}

static void report_fault(sweep_loader *loader, const fault *found)
{
    const hpac_sweep *sweep = loader->sweep;
    hpac_problems *problems = &loader->file.reader.problems;
    const char *first = sweep->runs[found->first].name;
    if (found->count == sweep->run_count)
        hpac_problems_add(problems, "%s", found->text);
    else if (found->count == 1)
        hpac_problems_add(problems, "%s (run %s)", found->text, first);
    else
        hpac_problems_add(problems, "%s (run %s and %zu more)", found->text, first,
                          found->count - 1);
}

/* ---- one run ---- */

static hpac_status assemble(sweep_loader *loader, const sweep_point *point,
                            const sweep_config *from, hpac_problems *problems, hpac_config *config)
{
    const sweep_values *set = &loader->file.set, *own = &point->entry->values;
    const sweep_values *grid = &loader->file.grid;
    HPAC_AUTO_FREE hpac_config_value *values = NULL; /* later ones override earlier ones */
    HPAC_AUTO_FREE char *text = NULL;
    char place[HPAC_YAML_PLACE_NBYTES];
    size_t count = set->count + own->count, nbytes;
    HPAC_TRY_NEW(values, count + grid->count + 1);
    for (size_t i = 0; i < count; i++)
        values[i] = i < set->count ? set->items[i] : own->items[i - set->count];
    for (size_t g = 0; g < grid->count; g++)
        values[count++] = (hpac_config_value){grid->items[g].path,
                                              grid->items[g].node->items[point->choices[g]].value};
    HPAC_TRY(hpac_fail_within(hpac_config_read_file("configuration", from->path, &text, &nbytes),
                              "%s", hpac_yaml_place(from->node, place)));
    const hpac_config_parts parts = {.document = from->path,
                                     .text = text,
                                     .nbytes = nbytes,
                                     .values = values,
                                     .value_count = (int)count,
                                     .sets = loader->sets,
                                     .set_count = loader->set_count,
                                     .expand = true};
    return hpac_config_assemble(&parts, problems, config);
}

static hpac_status make_run(sweep_loader *loader, const sweep_point *point, size_t number)
{
    const sweep_file *file = &loader->file;
    const sweep_config *config = point->entry->config.node ? &point->entry->config : &file->config;
    hpac_sweep_run *run = &loader->sweep->runs[number];
    hpac_problems problems = {0};
    HPAC_TRY(note_failure(loader, number, sweep_name_make(file, point, &run->name), &problems));
    if (!config->path)
        return HPAC_OK; /* reported already */
    hpac_status status = assemble(loader, point, config, &problems, &run->config);
    status = note_failure(loader, number, status, &problems);
    free(problems.text);
    return status;
}

/* ---- all runs ---- */

static hpac_status count_runs(const sweep_file *file, size_t *count)
{
    *count = file->entry_count;
    for (size_t g = 0; g < file->grid.count && *count <= HPAC_SWEEP_MAX_RUNS; g++)
        *count *= file->grid.items[g].node->count;
    return *count <= HPAC_SWEEP_MAX_RUNS
               ? HPAC_OK
               : hpac_fail(HPAC_ERR_CONFIG, "%s: more than %d runs; expected at most %d",
                           file->reader.source.name, HPAC_SWEEP_MAX_RUNS, HPAC_SWEEP_MAX_RUNS);
}

/* The next combination, the last key changing fastest; false after the last one. */
static bool next_point(const sweep_file *file, size_t *choices)
{
    for (size_t g = file->grid.count; g-- > 0;) {
        if (++choices[g] < file->grid.items[g].node->count)
            return true;
        choices[g] = 0;
    }
    return false;
}

static hpac_status make_runs(sweep_loader *loader)
{
    const sweep_file *file = &loader->file;
    HPAC_AUTO_FREE size_t *choices = NULL;
    size_t run = 0;
    HPAC_TRY_NEW(choices, file->grid.count + 1);
    HPAC_TRY_NEW(loader->sweep->runs, loader->sweep->run_count);
    for (size_t e = 0; e < file->entry_count; e++) {
        const sweep_point point = {&file->entries[e], choices};
        do
            HPAC_TRY(make_run(loader, &point, run++));
        while (next_point(file, choices));
    }
    return HPAC_OK;
}

/* Refuses run b if it is the same as an earlier one. */
static void refuse_same(sweep_loader *loader, char *const *texts, size_t b)
{
    const hpac_sweep_run *runs = loader->sweep->runs;
    hpac_problems *problems = &loader->file.reader.problems;
    const char *document = loader->file.reader.source.name;
    for (size_t a = 0; a < b; a++) {
        bool same_text = strcmp(texts[a], texts[b]) == 0;
        bool same_name = strcmp(runs[a].name, runs[b].name) == 0;
        if (same_text)
            hpac_problems_add(problems, "%s: runs %zu and %zu (%s, %s) are the same configuration",
                              document, a + 1, b + 1, runs[a].name, runs[b].name);
        else if (same_name)
            hpac_problems_add(problems,
                              "%s: runs %zu and %zu have the same name %s; give them names",
                              document, a + 1, b + 1, runs[a].name);
        if (same_text || same_name)
            return;
    }
}

static hpac_status check_distinct(sweep_loader *loader)
{
    size_t count = loader->sweep->run_count;
    HPAC_AUTO_FREE char **texts = NULL;
    hpac_status status = HPAC_OK;
    HPAC_TRY_NEW(texts, count);
    for (size_t b = 0; b < count && status == HPAC_OK; b++) {
        status = hpac_config_text(&loader->sweep->runs[b].config, &texts[b]);
        if (status == HPAC_OK)
            refuse_same(loader, texts, b);
    }
    for (size_t i = 0; i < count; i++)
        free(texts[i]);
    return status;
}

/* ---- the whole ---- */

static hpac_status add_keys(hpac_sweep *sweep, const sweep_values *values)
{
    for (size_t i = 0; i < values->count; i++) {
        const char *path = values->items[i].path;
        size_t k = 0;
        while (k < sweep->key_count && strcmp(sweep->keys[k], path) != 0)
            k++;
        if (k < sweep->key_count)
            continue;
        HPAC_TRY_GROW(sweep->keys, sweep->key_count, sweep->key_capacity);
        HPAC_TRY_MEMORY(sweep->keys[k] = strdup(path), strlen(path));
        sweep->key_count++;
    }
    return HPAC_OK;
}

static hpac_status load(sweep_loader *loader, const char *path)
{
    hpac_sweep *sweep = loader->sweep;
    sweep_file *file = &loader->file;
    HPAC_TRY(hpac_config_read_file("sweep", path, &sweep->text, &sweep->text_nbytes));
    HPAC_TRY(sweep_file_read(file, path, sweep->text, sweep->text_nbytes));
    HPAC_TRY(count_runs(file, &sweep->run_count));
    HPAC_TRY(make_runs(loader));
    for (size_t i = 0; i < loader->fault_count; i++)
        report_fault(loader, &loader->faults[i]);
    if (file->reader.problems.count == 0)
        HPAC_TRY(check_distinct(loader));
    for (size_t e = 0; e < file->entry_count; e++)
        HPAC_TRY(add_keys(sweep, &file->entries[e].values));
    HPAC_TRY(add_keys(sweep, &file->grid));
    HPAC_TRY(hpac_problems_finish(&file->reader.problems, HPAC_ERR_CONFIG, "%s", path));
    HPAC_TRY_MEMORY(sweep->name = hpac_config_name_of(path), strlen(path));
    return HPAC_OK;
}

hpac_status hpac_sweep_load(const char *path, const char *const *sets, int set_count,
                            hpac_sweep *sweep)
{
    *sweep = (hpac_sweep){0};
    HPAC_AUTO(loader_fini)
    sweep_loader loader = {.sets = sets, .set_count = set_count, .sweep = sweep};
    hpac_status status = load(&loader, path);
    if (status != HPAC_OK)
        hpac_sweep_fini(sweep);
    return status;
}

void hpac_sweep_fini(hpac_sweep *sweep)
{
    for (size_t i = 0; sweep->runs && i < sweep->run_count; i++) {
        free(sweep->runs[i].name);
        hpac_config_fini(&sweep->runs[i].config);
    }
    for (size_t i = 0; i < sweep->key_count; i++)
        free(sweep->keys[i]);
    free(sweep->runs);
    free(sweep->keys);
    free(sweep->name);
    free(sweep->text);
    *sweep = (hpac_sweep){0};
}
