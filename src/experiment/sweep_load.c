/* From a sweep's file to its runs, each with its configuration; what is wrong, all together. */
#include "sweep_internal.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

/* ---- what is wrong: a line once, with the runs it concerns ---- */

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

/* Notes the message of a CONFIG; other failures are handed on. */
static hpac_status note_failure(sweep_loader *loader, int run, hpac_status status)
{
    if (status != HPAC_ERR_CONFIG)
        return status;
    return note_fault(loader, run, hpac_error_message(), strlen(hpac_error_message()));
}

/* Notes each line of a list of problems, and frees the list. */
static hpac_status note_problems(sweep_loader *loader, int run, hpac_problems *problems)
{
    hpac_status status = HPAC_OK;
    for (const char *line = problems->text; line && *line && status == HPAC_OK;) {
        line++; /* a newline stands before each */
        size_t length = strcspn(line, "\n");
        status = note_fault(loader, run, line, length);
        line += length;
    }
    free(problems->text);
    *problems = (hpac_problems){0};
    return status;
}

static void tell_fault(sweep_loader *loader, const fault *found)
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

/* The values of a run in the order in which they count. */
static hpac_config_value *values_of(const sweep_file *file, const sweep_point *point, int *count)
{
    const sweep_values *set = &file->set, *own = &point->entry->values, *grid = &file->grid;
    *count = 0;
    hpac_config_value *values =
        calloc((size_t)set->count + (size_t)own->count + (size_t)grid->count + 1, sizeof *values);
    if (!values)
        return NULL;
    for (int i = 0; i < set->count; i++)
        values[(*count)++] = set->items[i];
    for (int i = 0; i < own->count; i++)
        values[(*count)++] = own->items[i];
    for (int g = 0; g < grid->count; g++)
        values[(*count)++] = (hpac_config_value){
            grid->items[g].path, grid->items[g].node->items[point->places[g]].value};
    return values;
}

/* The configuration a run starts from: beside the sweep's file. malloc'ed. */
static char *config_path(const sweep_file *file, const hpac_yaml_node *config)
{
    char *path = NULL;
    if (asprintf(&path, "%s%s", config->text[0] == '/' ? "" : file->folder, config->text) < 0)
        return NULL;
    return path;
}

static hpac_status assemble(sweep_loader *loader, const sweep_point *point,
                            const hpac_yaml_node *config, const char *path, int run)
{
    hpac_config_parts parts = {
        .document = path, .sets = loader->sets, .set_count = loader->set_count};
    hpac_config_value *values = values_of(&loader->file, point, &parts.value_count);
    if (!values)
        return hpac_fail_memory(sizeof *values);
    char *text = NULL;
    hpac_problems problems = {0};
    char place[HPAC_YAML_PLACE_NBYTES];
    hpac_yaml_place(config, place);
    hpac_status status = hpac_fail_within(
        hpac_config_read_file("configuration", path, &text, &parts.nbytes), "%s", place);
    if (status == HPAC_OK) {
        parts.text = text;
        parts.values = values;
        status = hpac_config_assemble(&parts, &problems, &loader->sweep->runs[run].config);
    }
    status = problems.count > 0 ? note_problems(loader, run, &problems)
                                : note_failure(loader, run, status);
    free(values);
    free(text);
    return status;
}

static hpac_status make_run(sweep_loader *loader, const sweep_point *point, int run)
{
    const sweep_file *file = &loader->file;
    char name[SWEEP_NAME_NBYTES];
    hpac_status status = note_failure(loader, run, sweep_name_make(file, point, name));
    loader->sweep->runs[run].name = strdup(name);
    if (status == HPAC_OK && !loader->sweep->runs[run].name)
        status = hpac_fail_memory(sizeof name);
    if (status != HPAC_OK)
        return status;
    const hpac_yaml_node *config = point->entry->config ? point->entry->config : file->config;
    if (!config)
        return HPAC_OK; /* told of already */
    char *path = config_path(file, config);
    if (!path)
        return hpac_fail_memory(strlen(config->text));
    status = assemble(loader, point, config, path, run);
    free(path);
    return status;
}

/* ---- all runs ---- */

static hpac_status count_runs(const sweep_file *file, int *count)
{
    long long runs = file->entry_count;
    for (int g = 0; g < file->grid.count && runs <= HPAC_SWEEP_MAX_RUNS; g++)
        runs *= file->grid.items[g].node->count;
    if (runs > HPAC_SWEEP_MAX_RUNS)
        return hpac_fail(HPAC_ERR_CONFIG, "%s: more than %d runs; expected %d at most",
                         file->reader.document, HPAC_SWEEP_MAX_RUNS, HPAC_SWEEP_MAX_RUNS);
    *count = (int)runs;
    return HPAC_OK;
}

/* Moves on to the next combination, the last key fastest; false after the last one. */
static bool next_point(const sweep_file *file, int *places)
{
    for (int g = file->grid.count - 1; g >= 0; g--) {
        if (++places[g] < file->grid.items[g].node->count)
            return true;
        places[g] = 0;
    }
    return false;
}

static hpac_status make_runs(sweep_loader *loader)
{
    const sweep_file *file = &loader->file;
    hpac_sweep *sweep = loader->sweep;
    int *places = calloc((size_t)file->grid.count + 1, sizeof *places);
    sweep->runs = calloc((size_t)sweep->run_count, sizeof *sweep->runs);
    hpac_status status = places && sweep->runs ? HPAC_OK : hpac_fail_memory(sizeof *sweep->runs);
    int run = 0;
    for (int e = 0; e < file->entry_count && status == HPAC_OK; e++) {
        const sweep_point point = {&file->entries[e], places};
        do
            status = make_run(loader, &point, run++);
        while (status == HPAC_OK && next_point(file, places));
    }
    free(places);
    return status;
}

/* ---- runs that are the same ---- */

static void compare_runs(sweep_loader *loader, char *const *texts, int a, int b)
{
    const hpac_sweep_run *runs = loader->sweep->runs;
    hpac_problems *problems = &loader->file.reader.problems;
    const char *document = loader->file.reader.document;
    if (strcmp(texts[a], texts[b]) == 0)
        hpac_problems_add(problems, "%s: runs %d and %d (%s, %s) are the same configuration",
                          document, a + 1, b + 1, runs[a].name, runs[b].name);
    else if (strcmp(runs[a].name, runs[b].name) == 0)
        hpac_problems_add(problems, "%s: runs %d and %d are both called %s; give them names",
                          document, a + 1, b + 1, runs[a].name);
}

/* A run is compared with those before it; of many that are the same each is told of once. */
static hpac_status refuse_twins(sweep_loader *loader)
{
    int count = loader->sweep->run_count;
    char **texts = calloc((size_t)count, sizeof *texts);
    hpac_status status = texts ? HPAC_OK : hpac_fail_memory((size_t)count * sizeof *texts);
    for (int b = 0; b < count && status == HPAC_OK; b++) {
        status = hpac_config_text(&loader->sweep->runs[b].config, &texts[b]);
        size_t problems = loader->file.reader.problems.count;
        for (int a = 0;
             a < b && status == HPAC_OK && loader->file.reader.problems.count == problems; a++)
            compare_runs(loader, texts, a, b);
    }
    for (int i = 0; texts && i < count; i++)
        free(texts[i]);
    free(texts);
    return status;
}

/* ---- the whole ---- */

static hpac_status add_key(hpac_sweep *sweep, const char *path)
{
    for (int i = 0; i < sweep->key_count; i++)
        if (strcmp(sweep->keys[i], path) == 0)
            return HPAC_OK;
    char **keys = realloc(sweep->keys, ((size_t)sweep->key_count + 1) * sizeof *keys);
    if (!keys)
        return hpac_fail_memory(sizeof *keys);
    sweep->keys = keys;
    keys[sweep->key_count] = strdup(path);
    return keys[sweep->key_count++] ? HPAC_OK : hpac_fail_memory(strlen(path));
}

static hpac_status add_keys(hpac_sweep *sweep, const sweep_values *values)
{
    hpac_status status = HPAC_OK;
    for (int i = 0; i < values->count && status == HPAC_OK; i++)
        status = add_key(sweep, values->items[i].path);
    return status;
}

static hpac_status list_keys(sweep_loader *loader)
{
    hpac_status status = HPAC_OK;
    for (int e = 0; e < loader->file.entry_count && status == HPAC_OK; e++)
        status = add_keys(loader->sweep, &loader->file.entries[e].values);
    return status == HPAC_OK ? add_keys(loader->sweep, &loader->file.grid) : status;
}

static hpac_status load_runs(sweep_loader *loader)
{
    hpac_status status = count_runs(&loader->file, &loader->sweep->run_count);
    if (status == HPAC_OK)
        status = make_runs(loader);
    if (status != HPAC_OK)
        return status;
    for (int i = 0; i < loader->fault_count; i++)
        tell_fault(loader, &loader->faults[i]);
    if (loader->file.reader.problems.count == 0)
        status = refuse_twins(loader);
    if (status == HPAC_OK)
        status = list_keys(loader);
    return status;
}

static hpac_status load(sweep_loader *loader, const char *path)
{
    hpac_sweep *sweep = loader->sweep;
    hpac_status status = hpac_config_read_file("sweep", path, &sweep->text, &sweep->text_nbytes);
    if (status == HPAC_OK)
        status = sweep_file_read(&loader->file, path, sweep->text, sweep->text_nbytes);
    if (status == HPAC_OK)
        status = load_runs(loader);
    if (status == HPAC_OK)
        status = hpac_problems_finish(&loader->file.reader.problems, HPAC_ERR_CONFIG, "%s", path);
    if (status == HPAC_OK) {
        sweep->name = hpac_config_name_of(path);
        if (!sweep->name)
            status = hpac_fail_memory(strlen(path));
    }
    return status;
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
