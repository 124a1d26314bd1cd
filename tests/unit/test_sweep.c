/* Sweeps: what a file is made into, how runs are called, and what is refused. */
#include "experiment/sweep.h"

#include "scratch.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* In a directory of its own, which becomes the current one so that messages are the same in every
 * run: base.yaml, other.yaml, and the sweep as s.yaml. */
static hpac_status load_sets(const char *text, const char *const *sets, int set_count,
                             hpac_sweep *sweep)
{
    scratch_write_text("base.yaml", "data:\n  labels: l.csv\n  images: i\n"
                                    "train: {epochs: 3, seed: 9}\n");
    scratch_write_text("other.yaml", "data: {labels: l.csv, images: j}\n"
                                     "model:\n  - {type: flatten}\n"
                                     "  - {type: dense, units: classes, activation: sigmoid}\n");
    scratch_write_text("s.yaml", text);
    cr_assert_eq(chdir(scratch_directory()), 0);
    return hpac_sweep_load("s.yaml", sets, set_count, sweep);
}

static hpac_sweep load_good(const char *text)
{
    hpac_sweep sweep;
    hpac_status status = load_sets(text, NULL, 0, &sweep);
    cr_assert_eq(status, HPAC_OK, "%s", hpac_error_message());
    return sweep;
}

/* The names of all runs, a space behind each. */
static void expect_names(const hpac_sweep *sweep, const char *expected)
{
    char names[1024] = "";
    size_t length = 0;
    for (size_t i = 0; i < sweep->run_count && length < sizeof names; i++)
        length +=
            (size_t)snprintf(names + length, sizeof names - length, "%s ", sweep->runs[i].name);
    cr_expect_str_eq(names, expected);
}

static void refused(const char *text, const char *expected)
{
    hpac_sweep sweep;
    cr_expect_eq(load_sets(text, NULL, 0, &sweep), HPAC_ERR_CONFIG, "accepted:\n%s", text);
    cr_expect_str_eq(hpac_error_message(), expected);
    cr_expect_null(sweep.runs);
    cr_expect_null(sweep.name);
}

Test(sweep, a_grid_is_every_combination_the_last_key_fastest)
{
    hpac_sweep sweep = load_good("config: base.yaml\n"
                                 "grid: {train.batch_size: [64, 128], train.epochs: [5, 10], "
                                 "data.channels: [2]}\n");
    cr_expect_str_eq(sweep.name, "s");
    expect_names(&sweep, "batch_size=64,epochs=5 batch_size=64,epochs=10 batch_size=128,epochs=5 "
                         "batch_size=128,epochs=10 ");
    const size_t batches[] = {64, 64, 128, 128};
    const int epochs[] = {5, 10, 5, 10};
    for (int i = 0; i < 4; i++) {
        const hpac_config *config = &sweep.runs[i].config;
        cr_expect_eq(config->train.batch_size, batches[i]);
        cr_expect_eq(config->train.epochs, epochs[i]);
        cr_expect_eq(config->data.channels, 2);
        cr_expect_eq(config->train.seed, 9, "the rest is the configuration's");
        cr_expect_str_eq(config->name, "base");
    }
    cr_assert_eq(sweep.key_count, 3);
    cr_expect_str_eq(sweep.keys[0], "train.batch_size");
    cr_expect_str_eq(sweep.keys[2], "data.channels");
    hpac_sweep_fini(&sweep);
    hpac_sweep_fini(&sweep);
}

Test(sweep, runs_have_their_own_configurations_and_values)
{
    hpac_sweep sweep = load_good("config: base.yaml\nruns:\n- {train.epochs: 7}\n"
                                 "- {config: other.yaml}\n- {name: third, train.seed: 1}\n"
                                 "- {config: other.yaml, train: {seed: 4, epochs: 2}}\n- {}\n");
    expect_names(&sweep, "epochs=7 other third other,seed=4,epochs=2 base ");
    cr_expect_eq(sweep.runs[0].config.train.epochs, 7);
    cr_expect_eq(sweep.runs[0].config.train.seed, 9);
    cr_expect_str_eq(sweep.runs[1].config.data.images, "j");
    cr_expect_str_eq(sweep.runs[1].config.name, "other");
    cr_expect_eq(sweep.runs[1].config.layer_count, 2);
    cr_expect_eq(sweep.runs[2].config.train.seed, 1);
    cr_expect_eq(sweep.runs[3].config.train.seed, 4);
    cr_expect_eq(sweep.runs[3].config.train.epochs, 2);
    hpac_sweep_fini(&sweep);
}

Test(sweep, runs_and_a_grid_are_every_run_in_every_combination)
{
    hpac_sweep sweep = load_good("config: base.yaml\nruns: [{name: a}, {config: other.yaml}]\n"
                                 "grid: {train.seed: [1, 2]}\n");
    expect_names(&sweep, "a,seed=1 a,seed=2 other,seed=1 other,seed=2 ");
    cr_expect_eq(sweep.runs[3].config.train.seed, 2);
    hpac_sweep_fini(&sweep);
}

/* A later one wins: the file, set, runs, the command line. Sections are merged. */
Test(sweep, values_have_their_order)
{
    const char *const sets[] = {"train.shuffle=true", "train.optimizer.rho=0.5"};
    hpac_sweep sweep;
    cr_assert_eq(load_sets("config: base.yaml\n"
                           "set: {train: {epochs: 4, optimizer: {rho: 0.9, epsilon: 0.25}}, "
                           "train.shuffle: false}\n"
                           "runs: [{name: a}, {name: b, train.epochs: 5, train.optimizer: "
                           "{learning_rate: 0.5}}]\n",
                           sets, 2, &sweep),
                 HPAC_OK, "%s", hpac_error_message());
    const hpac_config_train *a = &sweep.runs[0].config.train, *b = &sweep.runs[1].config.train;
    cr_expect_eq(a->epochs, 4);
    cr_expect_eq(b->epochs, 5);
    cr_expect(a->shuffle && b->shuffle);
    cr_expect_eq(b->optimizer.rho, 0.5F);
    cr_expect_eq(b->optimizer.epsilon, 0.25F);
    cr_expect_eq(b->optimizer.learning_rate, 0.5F);
    cr_expect_eq(a->seed, 9);
    hpac_sweep_fini(&sweep);
}

Test(sweep, values_of_any_shape)
{
    hpac_sweep sweep =
        load_good("config: base.yaml\ngrid:\n"
                  "  data.targets: [all, [Nucleoplasm, Cytosol]]\n"
                  "  model:\n"
                  "  - - {type: flatten}\n"
                  "    - {type: dense, units: classes, activation: sigmoid}\n"
                  "  - [{type: dropout, rate: 0.5}, {type: flatten}, {type: dense, units: classes, "
                  "activation: sigmoid}]\n");
    expect_names(&sweep, "targets=all,model=v1 targets=all,model=v2 "
                         "targets=Nucleoplasm+Cytosol,model=v1 "
                         "targets=Nucleoplasm+Cytosol,model=v2 ");
    cr_expect_eq(sweep.runs[0].config.layer_count, 2);
    cr_expect_eq(sweep.runs[3].config.layer_count, 3);
    cr_expect_eq(sweep.runs[3].config.data.target_count, 2);
    cr_expect_eq(sweep.runs[3].config.layers[2].units, 2);
    hpac_sweep_fini(&sweep);
}

Test(sweep, elements_of_the_model_that_the_default_has)
{
    hpac_sweep sweep =
        load_good("config: base.yaml\ngrid: {model.4.rate: [0, 0.125], model.7.rate: [0.5, 0]}\n");
    /* "rate" alone could be either. */
    expect_names(&sweep, "model.4.rate=0,model.7.rate=0.5 model.4.rate=0,model.7.rate=0 "
                         "model.4.rate=0.125,model.7.rate=0.5 model.4.rate=0.125,model.7.rate=0 ");
    cr_expect_eq(sweep.runs[2].config.layers[3].rate, 0.125F);
    cr_expect_eq(sweep.runs[2].config.layers[6].rate, 0.5F);
    cr_expect_eq(sweep.runs[1].config.layers[6].rate, 0.0F);
    hpac_sweep_fini(&sweep);
}

Test(sweep, names_are_safe_as_directories)
{
    hpac_sweep sweep = load_good("config: base.yaml\n"
                                 "grid: {data.images: [/a/b c, '../x', \"tab\\there\", 'a,b=c', "
                                 "averyveryveryveryveryveryverylongfolder/for/so/few/images]}\n");
    expect_names(&sweep, "images=_a_b_c images=.._x images=tab_here images=a_b_c images=v5 ");
    hpac_sweep_fini(&sweep);
    sweep = load_good("config: ./base.yaml\nruns: [{name: 'ä (1), b'}]\n");
    expect_names(&sweep, "ä (1), b ");
    hpac_sweep_fini(&sweep);
}

Test(sweep, a_run_is_not_called_as_the_files_of_the_sweep)
{
    scratch_write_text("plots.yaml", "data: {labels: l.csv, images: i}\n");
    hpac_sweep sweep = load_good("config: plots.yaml\nruns: [{}]\n");
    expect_names(&sweep, "_lots ");
    hpac_sweep_fini(&sweep);
}

Test(sweep, names_that_cannot_be_are_refused)
{
    static const char *const names[] = {"''",        ".x",     "-x",   "' x'",      "x.",
                                        "a/b",       "'a\"b'", "..",   "\"a\\nb\"", "[]",
                                        "sweep.csv", "plots",  "'a*'", "run.json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char text[256];
        snprintf(text, sizeof text, "config: base.yaml\nruns:\n- {name: %s}\n", names[i]);
        hpac_sweep sweep;
        cr_expect_eq(load_sets(text, NULL, 0, &sweep), HPAC_ERR_CONFIG, "%s", names[i]);
        cr_expect(strstr(hpac_error_message(), "s.yaml:3: runs: name: "), "%s",
                  hpac_error_message());
        cr_expect(strstr(hpac_error_message(), "1 problem\n"), "%s", hpac_error_message());
    }
}

Test(sweep, mistakes_are_told_with_their_line_and_runs)
{
    refused("config: base.yaml\ngrid:\n  train.epochs: [1, x]\n  train.seed: [1, 2]\n",
            "s.yaml: 1 problem\ns.yaml:3: train.epochs: expected an integer in [1, 1000000], not "
            "\"x\" (run epochs=x,seed=1 and 1 more)");
    refused("config: base.yaml\nset:\n  trian.epochs: 1\ngrid: {train.seed: [1, 2]}\n",
            "s.yaml: 1 problem\ns.yaml:3: trian: unknown key; did you mean train?");
    refused("config: base.yaml\nruns:\n- {train.epochs: 1}\n- {model.9.rate: 1}\n",
            "s.yaml: 1 problem\ns.yaml:4: no element \"9\" in the list; expected an integer in "
            "[1, 8] (run rate=1)");
    refused("runs:\n- {config: base.yaml}\n- {train.epochs: 1}\n",
            "s.yaml: 1 problem\ns.yaml: config is missing: the path of a configuration to start "
            "from");
    char missing[512];
    snprintf(missing, sizeof missing,
             "s.yaml: 1 problem\ns.yaml:3: configuration: no.yaml: cannot open: No such file or "
             "directory (full path: %s)",
             scratch_path("no.yaml"));
    refused("config: base.yaml\nruns:\n- {config: no.yaml}\n", missing);
}

Test(sweep, a_bad_file_is_refused)
{
    refused("", "s.yaml: is empty; expected config and grid or runs");
    refused("[1]", "s.yaml: has no keys; expected config and grid or runs");
    refused("config: base.yaml\n",
            "s.yaml: 1 problem\ns.yaml: nothing to sweep: expected a grid, or runs");
    refused("config: base.yaml\nruns: []\n", "s.yaml: 1 problem\ns.yaml:2: runs: expected a list "
                                             "of runs, such as - {train.epochs: 5}, not an empty "
                                             "list");
    refused("config: base.yaml\ngrid: {train.epochs: []}\n",
            "s.yaml: 1 problem\ns.yaml:2: grid: train.epochs: expected a list of values to try, "
            "not an empty list");
    refused("config: base.yaml\ngrid: [1]\n",
            "s.yaml: 1 problem\ns.yaml:2: grid: expected keys of configurations, such as "
            "train.epochs, not a list of 1");
    refused("config: [base.yaml]\ngrid: {train.epochs: [1]}\n",
            "s.yaml: 1 problem\ns.yaml:1: config: expected the path of a configuration, not a "
            "list of 1");
    refused("config: base.yaml\nruns: [{train.seed: 1}]\nrun: 1\n",
            "s.yaml: 1 problem\ns.yaml:3: \"run\": unknown key; did you mean runs?");
    refused("config: base.yaml\ntrain.seed: 1\nruns: [{}]\n",
            "s.yaml: 1 problem\ns.yaml:2: \"train.seed\": unknown key; expected config, set, "
            "grid or runs, with keys of configurations below set");
    refused("data: {labels: l.csv}\n",
            "s.yaml: 1 problem\ns.yaml:1: \"data\": unknown key; expected config, set, grid or "
            "runs, with keys of configurations below set\n"
            "this is a configuration, not a sweep: train it with hpac train");
}

Test(sweep, a_key_has_one_place)
{
    refused("config: base.yaml\nruns:\n- {train.epochs: 1, train: {epochs: 2}}\n",
            "s.yaml: 1 problem\ns.yaml:3: train.epochs: duplicate key, first in line 3");
    refused("config: base.yaml\nset: {train.seed: 1}\ngrid:\n  train.seed: [1, 2]\n",
            "s.yaml: 1 problem\ns.yaml:2: train.seed: is in set and in the grid (line 4), "
            "which would override it");
    refused("config: base.yaml\nruns: [{train.seed: 1}]\ngrid:\n  train.seed: [1, 2]\n",
            "s.yaml: 1 problem\ns.yaml:2: train.seed: is in runs and in the grid (line 4), "
            "which would override it");
    refused("config: base.yaml\nconfig: other.yaml\ngrid: {train.seed: [1]}\n",
            "s.yaml: 1 problem\ns.yaml:2: config: duplicate key, first in line 1");
}

Test(sweep, duplicates_are_refused)
{
    refused("config: base.yaml\ngrid: {train.seed: [1, 2, 1, 1]}\n",
            "s.yaml: 2 problems\n"
            "s.yaml: runs 1 and 3 (seed=1, seed=1) are the same configuration\n"
            "s.yaml: runs 1 and 4 (seed=1, seed=1) are the same configuration");
    /* However they are written; 9 is what base.yaml says. */
    refused("config: base.yaml\nruns: [{name: a, train.optimizer.rho: 0.5}, {name: b, "
            "train.optimizer.rho: 5.0e-1, train.seed: 9}]\n",
            "s.yaml: 1 problem\ns.yaml: runs 1 and 2 (a, b) are the same configuration");
    refused("config: base.yaml\nruns: [{name: a}, {name: a, train.seed: 1}]\n",
            "s.yaml: 1 problem\ns.yaml: runs 1 and 2 have the same name a; give them names");
}

Test(sweep, a_slip_in_a_grid_makes_no_million_runs)
{
    char numbers[256] = "1", text[1024];
    size_t length = 1;
    for (int i = 2; i <= 40; i++)
        length += (size_t)snprintf(numbers + length, sizeof numbers - length, ", %d", i);
    snprintf(text, sizeof text,
             "config: base.yaml\ngrid:\n  train.seed: [%s]\n  train.epochs: [%s]\n", numbers,
             numbers);
    refused(text, "s.yaml: more than 1000 runs; expected at most 1000");
}

Test(sweep, a_configuration_lies_beside_its_sweep)
{
    hpac_sweep sweep = load_good("config: base.yaml\ngrid: {train.seed: [1]}\n");
    hpac_sweep_fini(&sweep);
    cr_assert_eq(chdir("/"), 0);
    cr_assert_eq(hpac_sweep_load(scratch_path("s.yaml"), NULL, 0, &sweep), HPAC_OK, "%s",
                 hpac_error_message());
    expect_names(&sweep, "base ");
    cr_expect_str_eq(sweep.runs[0].config.data.images, "i", "paths inside it stay as they are");
    hpac_sweep_fini(&sweep);
}

/* The four fits of the reference notebooks, each as in its own file. */
Test(sweep, the_sweep_that_comes_along_is_good)
{
    hpac_sweep sweep;
    cr_assert_eq(hpac_sweep_load("configs/sweep.yaml", NULL, 0, &sweep), HPAC_OK, "%s",
                 hpac_error_message());
    expect_names(&sweep, "improved improved_batch128 improved_nodropout baseline ");
    for (size_t i = 0; i < sweep.run_count; i++) {
        char path[128], *expected = NULL, *text = NULL;
        hpac_config config;
        snprintf(path, sizeof path, "configs/%s.yaml", sweep.runs[i].name);
        cr_assert_eq(hpac_config_load(path, NULL, 0, &config), HPAC_OK);
        cr_assert_eq(hpac_config_text(&config, &expected), HPAC_OK);
        cr_assert_eq(hpac_config_text(&sweep.runs[i].config, &text), HPAC_OK);
        cr_expect_str_eq(text, expected);
        free(expected);
        free(text);
        hpac_config_fini(&config);
    }
    hpac_sweep_fini(&sweep);
}

/* ---- the best first ---- */

static void add_row(hpac_table *table, const char *run, const char *state, double f1, double loss)
{
    hpac_table_add_text(table, run);
    hpac_table_add_text(table, state);
    hpac_table_add_real(table, f1);
    hpac_table_add_real(table, loss);
}

Test(sweep, ranks_by_f1_then_by_loss)
{
    static const hpac_column columns[] = {HPAC_COLUMN_TEXT("run", NULL),
                                          HPAC_COLUMN_TEXT("state", NULL),
                                          HPAC_COLUMN_REAL("final_val_f1_mean", NULL, 3),
                                          HPAC_COLUMN_REAL("final_val_loss", NULL, 3)};
    hpac_table results, ranking;
    hpac_table_init(&results, "sweep", "Runs", columns, 4);
    double none = strtod("nan", NULL);
    add_row(&results, "broken", "failed", none, none);
    add_row(&results, "second", "finished", 0.5, 0.3);
    add_row(&results, "last", "missing", none, none);
    add_row(&results, "third", "finished", 0.25, 0.1);
    add_row(&results, "first", "finished", 0.5, 0.2);
    add_row(&results, "a_name_of_more_than_thirty_six_characters=12345", "finished", 0.125, 0.2);
    hpac_sweep_rank(&results, &ranking);
    static const char *const expected[] = {"first",           "second",
                                           "third",           "...irty_six_characters=12345",
                                           "broken (failed)", "last (missing)"};
    cr_assert_eq(hpac_table_row_count(&ranking), 6);
    for (size_t row = 0; row < 6; row++)
        cr_expect_str_eq(hpac_table_cell(&ranking, row, 0)->text, expected[row]);
    hpac_table_fini(&ranking);
    hpac_table_fini(&results);
}
