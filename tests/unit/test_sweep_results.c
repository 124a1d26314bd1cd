/* sweep.csv and the tables of a sweep: every column, by numbers that are counted by hand. */
#include "experiment/sweep_internal.h"

#include "scratch.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static hpac_sweep load(const char *text)
{
    hpac_sweep sweep;
    scratch_write_text("base.yaml", "data: {labels: l.csv, images: i}\ntrain: {epochs: 2}\n");
    scratch_write_text("s.yaml", text);
    cr_assert_eq(chdir(scratch_directory()), 0);
    cr_assert_eq(hpac_sweep_load("s.yaml", NULL, 0, &sweep), HPAC_OK, "%s", hpac_error_message());
    return sweep;
}

static char *csv_of(const hpac_table *table)
{
    cr_assert_eq(hpac_table_write_csv(table, scratch_directory(), "t.csv"), HPAC_OK);
    FILE *file = fopen(scratch_path("t.csv"), "r");
    char *text = calloc(1, 1 << 16);
    cr_assert_not_null(file);
    cr_assert_gt(fread(text, 1, (1 << 16) - 1, file), 0);
    fclose(file);
    return text;
}

/* The n-th line, from 0, as the test's own. */
static const char *line_of(const char *text, int number)
{
    static char line[4096];
    for (; number > 0; number--)
        text = strchr(text, '\n') + 1;
    snprintf(line, sizeof line, "%.*s", (int)strcspn(text, "\r\n"), text);
    return line;
}

static const hpac_train_plan plan = {.train_images = 40, .validation_images = 20, .steps = 10};

/* Three epochs whose every figure differs; the lowest validation loss is the second's. */
static const char metrics[] =
    "epoch,step,train_loss,train_accuracy,train_all_zero_accuracy,train_f1_min,train_f1_max,"
    "train_f1_mean,train_f1_std,val_loss,val_accuracy,val_all_zero_accuracy,val_f1_min,val_f1_max,"
    "val_f1_mean,val_f1_std,val_prior_loss,elapsed_s,train_images_per_s,train_waiting\n"
    "1,5,0.9,0.51,0.5,0.01,0.02,0.03,0.04,0.8,0.61,0.6,0.05,0.06,0.07,0.08,0.7,1.5,100,0\n"
    "2,10,0.7,0.53,0.5,0.11,0.12,0.13,0.14,0.6,0.63,0.6,0.15,0.16,0.17,0.18,0.7,2.5,100,0\n"
    "3,15,0.5,0.55,0.5,0.21,0.22,0.23,0.24,0.65,0.66,0.6,0.25,0.26,0.27,0.28,0.7,3.5,50,0\n";

Test(sweep_results, every_column_of_sweep_csv)
{
    hpac_sweep sweep =
        load("config: base.yaml\n"
             "runs:\n"
             "- {name: one, train.epochs: 3, data.channels: [red, green], train.seed: 7}\n"
             "- {name: two, train.batch_size: 16, model.4.rate: 0, data.targets: [Cytosol]}\n"
             "- {name: three, train.optimizer.learning_rate: 0.5, train.seed: 8,\n"
             "   model: [{type: flatten}, {type: dense, units: classes, activation: sigmoid}]}\n");
    cr_assert_eq(mkdir("one", 0755), 0);
    scratch_write_text("one/metrics.csv", metrics);
    const hpac_sweep_options options = {.sweep = &sweep, .directory = "."};
    char directory[] = "one";
    const sweep_row rows[] = {
        {.directory = directory, .state = SWEEP_FINISHED}, {.state = SWEEP_FAILED}, {0}};
    hpac_table results;
    cr_assert_eq(sweep_results_read(&options, rows, &results), HPAC_OK, "%s", hpac_error_message());
    char *text = csv_of(&results);
    cr_expect_str_eq(
        line_of(text, 0),
        "run,state,configuration,classes,epochs,batch_size,dropout,learning_rate,"
        "data.channels,train.seed,model.4.rate,data.targets,model,"
        "steps,elapsed_s,train_images_per_s,val_prior_loss,val_all_zero_accuracy,best_epoch,"
        "final_train_loss,final_train_accuracy,final_train_f1_min,final_train_f1_max,"
        "final_train_f1_mean,final_train_f1_std,final_val_loss,final_val_accuracy,"
        "final_val_f1_min,final_val_f1_max,final_val_f1_mean,final_val_f1_std,"
        "best_train_loss,best_train_accuracy,best_train_f1_min,best_train_f1_max,"
        "best_train_f1_mean,best_train_f1_std,best_val_loss,best_val_accuracy,"
        "best_val_f1_min,best_val_f1_max,best_val_f1_mean,best_val_f1_std");
    /* 3 / (1 / 100 + 1 / 100 + 1 / 50) = 75 images per second. */
    const char *one = line_of(text, 1);
    const char *end =
        ",15,3.5,75,0.7,0.6,2,0.5,0.55,0.21,0.22,0.23,0.24,0.65,0.66,0.25,0.26,0.27,0.28,"
        "0.7,0.53,0.11,0.12,0.13,0.14,0.6,0.63,0.15,0.16,0.17,0.18";
    cr_expect_eq(
        strncmp(one, "one,finished,base,28,3,200,0.25/0.5,1,\"[red, green]\",7,0.25,all,", 63), 0,
        "%s", one);
    cr_expect_str_eq(strlen(one) > strlen(end) ? one + strlen(one) - strlen(end) : one, end);
    const char *two = line_of(text, 2);
    cr_expect_eq(strncmp(two, "two,failed,base,1,2,16,0.5,1,1,0,0,[Cytosol],", 45), 0, "%s", two);
    cr_expect_str_eq(two + strlen(two) - 31, "\",,,,,,,,,,,,,,,,,,,,,,,,,,,,,,", "%s", two);
    const char *three = line_of(text, 3);
    cr_expect_eq(strncmp(three, "three,missing,base,28,2,200,none,0.5,1,8,,all,", 46), 0, "%s",
                 three);
    free(text);
    hpac_table_fini(&results);
    hpac_sweep_fini(&sweep);
}

Test(sweep_results, every_column_of_a_dry_run)
{
    hpac_sweep sweep =
        load("config: base.yaml\ngrid: {train.batch_size: [16], train.seed: [7, 8]}\n");
    const hpac_sweep_options options = {.sweep = &sweep, .directory = ".", .dry_run = true};
    const sweep_row rows[] = {{.state = SWEEP_FINISHED, .plan = plan}, {.plan = {1, 2, 3}}};
    hpac_table results, listing;
    cr_assert_eq(sweep_results_read(&options, rows, &results), HPAC_OK, "%s", hpac_error_message());
    char *text = csv_of(&results);
    cr_expect_str_eq(text,
                     "run,state,configuration,classes,epochs,batch_size,dropout,learning_rate,"
                     "train.seed,steps,train_images,validation_images\n"
                     "seed=7,finished,base,28,2,16,0.25/0.5,1,7,10,40,20\n"
                     "seed=8,missing,base,28,2,16,0.25/0.5,1,8,3,1,2\n");
    free(text);
    hpac_sweep_list(&results, &listing);
    text = csv_of(&listing);
    cr_expect_str_eq(text, "run,state,classes,epochs,batch_size,dropout,learning_rate,steps\n"
                           "seed=7,finished,28,2,16,0.25/0.5,1,10\n"
                           "seed=8,missing,28,2,16,0.25/0.5,1,3\n");
    free(text);
    hpac_table_fini(&listing);
    hpac_table_fini(&results);
    hpac_sweep_fini(&sweep);
}

Test(sweep_results, every_column_of_the_ranking)
{
    static const char *const names[] = {"final_val_f1_std",
                                        "final_val_f1_max",
                                        "final_val_f1_min",
                                        "final_val_f1_mean",
                                        "final_val_accuracy",
                                        "val_prior_loss",
                                        "best_val_loss",
                                        "final_val_loss",
                                        "final_train_loss",
                                        "elapsed_s",
                                        "steps"};
    hpac_column columns[13] = {HPAC_COLUMN_TEXT("run", NULL), HPAC_COLUMN_TEXT("state", NULL)};
    for (int i = 0; i < 11; i++)
        columns[2 + i] = (hpac_column)HPAC_COLUMN_REAL(names[i], NULL, 3);
    hpac_table results, ranking;
    hpac_table_init(&results, "sweep", "Runs", columns, 13);
    hpac_table_add_text(&results, "a");
    hpac_table_add_text(&results, "finished");
    for (int i = 0; i < 11; i++)
        hpac_table_add_real(&results, 11 - i);
    hpac_sweep_rank(&results, &ranking);
    char *text = csv_of(&ranking);
    cr_expect_str_eq(text, "run,steps,elapsed_s,final_train_loss,final_val_loss,best_val_loss,"
                           "val_prior_loss,final_val_accuracy,final_val_f1_mean,final_val_f1_min,"
                           "final_val_f1_max,final_val_f1_std\n"
                           "a,1,2,3,4,5,6,7,8,9,10,11\n");
    free(text);
    hpac_table_fini(&ranking);
    hpac_table_fini(&results);
}

/* Each of these names is longer than its column. */
Test(sweep_results, runs_whose_shortened_names_are_equal_are_told_apart)
{
    static const char *const names[] = {
        "labels=data_train.csv,learning_rate=1",
        "labels=data_train.csv,learning_rate=0.1",
        "labels=data2_train.csv,learning_rate=1",
        "labels=data2_train.csv,learning_rate=0.1",
        "short",
        "labels=data_train.csv,learning_rate=0.25",
        "gr\xc3\xbc\xc3\x9f"
        "e=\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6"
        "\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4"
        "\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc"};
    static const char *const expected[] = {
        "1:...ain.csv,learning_rate=1", "2:...n.csv,learning_rate=0.1",
        "3:...ain.csv,learning_rate=1", "4:...n.csv,learning_rate=0.1"};
    static const hpac_column columns[] = {HPAC_COLUMN_TEXT("run", NULL),
                                          HPAC_COLUMN_TEXT("state", NULL)};
    enum { COUNT = sizeof names / sizeof *names };
    hpac_table results, tables[2];
    hpac_table_init(&results, "sweep", "Runs", columns, 2);
    for (int i = 0; i < COUNT; i++) {
        hpac_table_add_text(&results, names[i]);
        hpac_table_add_text(&results, i == 3 ? "missing" : "finished");
    }
    hpac_sweep_list(&results, &tables[0]);
    hpac_sweep_rank(&results, &tables[1]);
    for (int t = 0; t < 2; t++) {
        for (size_t a = 0; a < COUNT; a++)
            for (size_t b = 0; b < a; b++)
                cr_expect_str_neq(hpac_table_cell(&tables[t], a, 0)->text,
                                  hpac_table_cell(&tables[t], b, 0)->text);
        hpac_table_fini(&tables[t]);
    }
    hpac_sweep_list(&results, &tables[0]);
    for (size_t i = 0; i < 4; i++)
        cr_expect_str_eq(hpac_table_cell(&tables[0], i, 0)->text, expected[i]);
    cr_expect_str_eq(hpac_table_cell(&tables[0], 4, 0)->text, "short");
    cr_expect_str_eq(hpac_table_cell(&tables[0], 5, 0)->text, "...in.csv,learning_rate=0.25");
    hpac_table_fini(&tables[0]);
    hpac_table_fini(&results);
}
