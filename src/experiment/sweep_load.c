/* From a sweep's file to its runs, each with its configuration; all problems are reported together.
 */
#include "sweep_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- problems: each once, with the runs it concerns ---- */

typedef struct fault {
    char *text;
    int first, last; /* runs it was found in */
    int count;       /* of runs */
} fault;

typedef struct sweep_loader {
    sweep_file file;
    const char *const *sets;
    int set_count;
    hpac_sweep *sweep;
    fault *faults; /* (fault_count) */
    int fault_count;
} sweep_loader;

static hpac_status note_fault(sweep_loader *loader, int run, const char *text, size_t length)
{
    for (int i = 0; i < loader->fault_count; i++) {
        fault *known = &loader->faults[i];
        if (strlen(known->text) == length && memcmp(known->text, text, length) == 0) {
            known->count += known->last != run;
            known->last = run;
            return HPAC_OK;
        }
    }
    size_t nbytes = ((size_t)loader->fault_count + 1) * sizeof(fault);
    fault *faults = realloc(loader->faults, nbytes);
    if (!faults)
        return hpac_fail_memory(nbytes);
    loader->faults = faults;
    char *copy = strndup(text, length);
    if (!copy)
        return hpac_fail_memory(length);
    faults[loader->fault_count++] = (fault){copy, run, run, 1};
    return HPAC_OK;
}

/* Notes the message of a CONFIG, or each line of `problems`; other failures are passed on. */
static hpac_status note_failure(sweep_loader *loader, int run, hpac_status status,
                                const hpac_problems *problems)
{
    if (status != HPAC_ERR_CONFIG)
        return status;
    if (!problems || problems->count == 0)
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
        hpac_problems_add(problems, "%s (run %s and %d more)", found->text, first,
                          found->count - 1);
}

/* ---- one run ---- */

/* The values of a run, later ones overriding earlier ones. NULL: no memory. */
static hpac_config_value *values_of(const sweep_file *file, const sweep_point *point, int *count)
{
    const sweep_values *set = &file->set, *own = &point->entry->values, *grid = &file->grid;
    *count = set->count + own->count + grid->count;
    hpac_config_value *values = calloc((size_t)*count + 1, sizeof *values), *next = values;
    for (int i = 0; values && i < set->count; i++)
        *next++ = set->items[i];
    for (int i = 0; values && i < own->count; i++)
        *next++ = own->items[i];
    for (int g = 0; values && g < grid->count; g++)
        *next++ = (hpac_config_value){grid->items[g].path,
                                      grid->items[g].node->items[point->choices[g]].value};
    return values;
}

static hpac_status assemble(sweep_loader *loader, const sweep_point *point,
                            const sweep_config *config, int run)
{
    hpac_config_parts parts = {.document = config->path,
                               .sets = loader->sets,
                               .set_count = loader->set_count,
                               .expand = true};
    char *text = NULL, place[HPAC_YAML_PLACE_NBYTES];
    hpac_problems problems = {0};
    hpac_config_value *values = values_of(&loader->file, point, &parts.value_count);
    if (!values)
        return hpac_fail_memory(sizeof *values);
    parts.values = values;
    hpac_status status = hpac_config_read_file("configuration", config->path, &text, &parts.nbytes);
    hpac_fail_within(status, "%s", hpac_yaml_place(config->node, place));
    if (status == HPAC_OK) {
        parts.text = text;
        status = hpac_config_assemble(&parts, &problems, &loader->sweep->runs[run].config);
    }
    status = note_failure(loader, run, status, &problems);
    free(problems.text);
    free(values);
    free(text);
    return status;
}

static hpac_status make_run(sweep_loader *loader, const sweep_point *point, int run)
{
    const sweep_file *file = &loader->file;
    char name[SWEEP_NAME_NBYTES];
    HPAC_TRY(note_failure(loader, run, sweep_name_make(file, point, name), NULL));
    loader->sweep->runs[run].name = strdup(name);
    if (!loader->sweep->runs[run].name)
        return hpac_fail_memory(sizeof name);
    const sweep_config *config = point->entry->config.node ? &point->entry->config : &file->config;
    return config->path ? assemble(loader, point, config, run) : HPAC_OK; /* reported already */
}

/* ---- all runs ---- */

static hpac_status count_runs(const sweep_file *file, int *count)
{
    size_t runs = (size_t)file->entry_count;
    for (int g = 0; g < file->grid.count && runs <= HPAC_SWEEP_MAX_RUNS; g++)
        runs *= file->grid.items[g].node->count;
    *count = (int)runs;
    return runs <= HPAC_SWEEP_MAX_RUNS
               ? HPAC_OK
               : hpac_fail(HPAC_ERR_CONFIG, "%s: more than %d runs; expected at most %d",
                           file->reader.source.name, HPAC_SWEEP_MAX_RUNS, HPAC_SWEEP_MAX_RUNS);
}

/* The next combination, the last key changing fastest; false after the last one. */
static bool next_point(const sweep_file *file, size_t *choices)
{
    for (int g = file->grid.count - 1; g >= 0; g--) {
        if (++choices[g] < file->grid.items[g].node->count)
            return true;
        choices[g] = 0;
    }
    return false;
}

static hpac_status make_runs(sweep_loader *loader)
{
    const sweep_file *file = &loader->file;
    hpac_sweep *sweep = loader->sweep;
    size_t *choices = calloc((size_t)file->grid.count + 1, sizeof *choices);
    sweep->runs = calloc((size_t)sweep->run_count, sizeof *sweep->runs);
    hpac_status status = choices && sweep->runs ? HPAC_OK : hpac_fail_memory(sizeof *sweep->runs);
    int run = 0;
    for (int e = 0; e < file->entry_count && status == HPAC_OK; e++) {
        const sweep_point point = {&file->entries[e], choices};
        do
            status = make_run(loader, &point, run++);
        while (status == HPAC_OK && next_point(file, choices));
    }
    free(choices);
    return status;
}

/* Refuses run b if it is the same as an earlier one. */
static void refuse_same(sweep_loader *loader, char *const *texts, int b)
{
    const hpac_sweep_run *runs = loader->sweep->runs;
    hpac_problems *problems = &loader->file.reader.problems;
    const char *document = loader->file.reader.source.name;
    for (int a = 0; a < b; a++) {
        bool same_text = strcmp(texts[a], texts[b]) == 0;
        bool same_name = runs[a].name && strcmp(runs[a].name, runs[b].name) == 0;
        if (same_text)
            hpac_problems_add(problems, "%s: runs %d and %d (%s, %s) are the same configuration",
                              document, a + 1, b + 1, runs[a].name, runs[b].name);
        else if (same_name)
            hpac_problems_add(problems, "%s: runs %d and %d have the same name %s; give them names",
                              document, a + 1, b + 1, runs[a].name);
        if (same_text || same_name)
            return;
    }
}

static hpac_status check_distinct(sweep_loader *loader)
{
    int count = loader->sweep->run_count;
    char **texts = calloc((size_t)count, sizeof *texts);
    hpac_status status = texts ? HPAC_OK : hpac_fail_memory((size_t)count * sizeof *texts);
    for (int b = 0; b < count && status == HPAC_OK; b++) {
        status = hpac_config_text(&loader->sweep->runs[b].config, &texts[b]);
        if (status == HPAC_OK)
            refuse_same(loader, texts, b);
    }
    for (int i = 0; texts && i < count; i++)
        free(texts[i]);
    free(texts);
    return status;
}

/* ---- the whole ---- */

static hpac_status add_keys(hpac_sweep *sweep, const sweep_values *values)
{
    for (int i = 0; i < values->count; i++) {
        bool known = false;
        for (int k = 0; k < sweep->key_count; k++)
            known = known || strcmp(sweep->keys[k], values->items[i].path) == 0;
        if (known)
            continue;
        char **keys = realloc(sweep->keys, ((size_t)sweep->key_count + 1) * sizeof *keys);
        if (!keys)
            return hpac_fail_memory(sizeof *keys);
        sweep->keys = keys;
        keys[sweep->key_count] = strdup(values->items[i].path);
        if (!keys[sweep->key_count])
            return hpac_fail_memory(strlen(values->items[i].path));
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
    for (int i = 0; i < loader->fault_count; i++)
        report_fault(loader, &loader->faults[i]);
    if (file->reader.problems.count == 0)
        HPAC_TRY(check_distinct(loader));
    for (int e = 0; e < file->entry_count; e++)
        HPAC_TRY(add_keys(sweep, &file->entries[e].values));
    HPAC_TRY(add_keys(sweep, &file->grid));
    HPAC_TRY(hpac_problems_finish(&file->reader.problems, HPAC_ERR_CONFIG, "%s", path));
    sweep->name = hpac_config_name_of(path);
    return sweep->name ? HPAC_OK : hpac_fail_memory(strlen(path));
}

hpac_status hpac_sweep_load(const char *path, const char *const *sets, int set_count,
                            hpac_sweep *sweep)
{
    *sweep = (hpac_sweep){0};
    sweep_loader loader = {.sets = sets, .set_count = set_count, .sweep = sweep};
    hpac_status status = load(&loader, path);
    for (int i = 0; i < loader.fault_count; i++)
        free(loader.faults[i].text);
    free(loader.faults);
    sweep_file_fini(&loader.file);
    if (status != HPAC_OK)
        hpac_sweep_fini(sweep);
    return status;
}

void hpac_sweep_fini(hpac_sweep *sweep)
{
    for (int i = 0; sweep->runs && i < sweep->run_count; i++) {
        free(sweep->runs[i].name);
        hpac_config_fini(&sweep->runs[i].config);
    }
    for (int i = 0; i < sweep->key_count; i++)
        free(sweep->keys[i]);
    free(sweep->runs);
    free(sweep->keys);
    free(sweep->name);
    free(sweep->text);
    *sweep = (hpac_sweep){0};
}
