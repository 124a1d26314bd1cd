/* Configurations: --set KEY=VALUE. */
#include "config_text.h"

#include "base/memory.h"

#include <criterion/criterion.h>

Test(config, overrides_replace_and_add)
{
    static const char *const sets[] = {
        "train.batch_size=128",    "data.targets=[Nucleoplasm, Cytosol]",
        "data.split.fold=1",       "data.labels=other=file.csv",
        "train.epochs=3",          "train.epochs=4",
        "train.optimizer.rho=0.5", "data.test={images: t, ids: s.csv}",
    };
    hpac_config config = load_good_sets(REQUIRED "train:\n  epochs: oops\n", sets, 8);
    cr_assert_str_eq(config.data.test_images, "t");
    cr_assert_str_eq(config.data.test_ids, "s.csv");
    cr_assert_eq(config.train.batch_size, 128);
    cr_assert(config.data.target_count == 2 && config.data.targets[1] == 25);
    cr_assert_eq(config.data.fold, 1);
    cr_assert_str_eq(config.data.labels, "other=file.csv");
    cr_assert_eq(config.train.epochs, 4);
    cr_assert(config.train.optimizer.rho == 0.5f && config.train.optimizer.learning_rate == 1.0f);
    cr_assert_eq(config.layers[7].units, 2);
    hpac_config_fini(&config);
}

/* What is no UTF-8 is a fault of the key like any other. */
Test(config, overrides_of_any_bytes_are_refused)
{
    refused_set("a\x8d\xffz=1", "1 problem\n--set a\x8d\xffz=1: a??z: unknown key; expected one "
                                "of data, model, train, device");
    refused_set("train.epochs\xe2\x82=1", "1 problem\n--set train.epochs\xe2\x82=1: "
                                          "train.epochs??: unknown key; did you mean "
                                          "train.epochs?");
}

Test(config, overrides_reach_layers)
{
    static const char *const sets[] = {"model.4.rate=0.125", "model.1.filters=8"};
    hpac_config config = load_good_sets(REQUIRED, sets, 2);
    cr_assert(config.layers[3].rate == 0.125f && config.layers[0].filters == 8);
    cr_assert_eq(config.layers[1].filters, 32);
    hpac_config_fini(&config);

    /* An alias keeps its value when its anchor is changed. */
    config = load_good_sets(REQUIRED "model:\n"
                                     "- &c {type: conv2d, filters: 3, kernel: 3}\n"
                                     "- *c\n"
                                     "- {type: flatten}\n"
                                     "- {type: dense, units: classes, activation: sigmoid}\n",
                            (const char *const[]){"model.2.filters=5"}, 1);
    cr_assert(config.layers[0].filters == 3 && config.layers[1].filters == 5);
    hpac_config_fini(&config);

    static const char *const whole[] = {"model=[{type: flatten}, {type: dense, units: classes, "
                                        "activation: sigmoid}]"};
    config = load_good_sets(REQUIRED, whole, 1);
    cr_assert_eq(config.layer_count, 2);
    hpac_config_fini(&config);
}

Test(config, lists_need_no_brackets_in_overrides)
{
    static const char *const sets[] = {"data.targets=nucleoplasm, Plasma membrane",
                                       "data.channels=red,Green", "train.positive_weights=1,2.5"};
    hpac_config config = load_good_sets(REQUIRED, sets, 3);
    cr_expect(config.data.target_count == 2 && config.data.targets[0] == 0 &&
              config.data.targets[1] == 21);
    cr_expect(config.data.channels == 2 && config.data.channel_order[0] == 2 &&
              config.data.channel_order[1] == 0);
    cr_expect(config.train.weighting == HPAC_WEIGHTING_LIST &&
              config.train.positive_weights[1] == 2.5f);
    hpac_config_fini(&config);

    static const char *const single[] = {"data.targets=Cytosol", "data.channels=blue"};
    config = load_good_sets(REQUIRED, single, 2);
    cr_expect(config.data.target_count == 1 && config.data.targets[0] == 25);
    cr_expect(config.data.channels == 1 && config.data.channel_order[0] == 1);
    hpac_config_fini(&config);

    /* Words and numbers that are no lists stay what they are. */
    static const char *const others[] = {"data.targets=all", "data.channels=3",
                                         "train.positive_weights=balanced"};
    config = load_good_sets(REQUIRED, others, 3);
    cr_expect(config.data.target_count == HPAC_CLASS_COUNT && config.data.channels == 3);
    cr_expect_eq(config.train.weighting, HPAC_WEIGHTING_BALANCED);
    hpac_config_fini(&config);
    refused_set("data.targets=Cytosol,Nukleoli",
                "1 problem\n--set data.targets=Cytosol,Nukleoli: unknown class \"Nukleoli\"; did "
                "you mean \"Nucleoli\"?");
    refused_set("data.channels=5", "1 problem\n--set data.channels=5: expected an integer in "
                                   "[1, 4] or a list of channel names, not \"5\"");
}

Test(config, none_removes_what_is_optional)
{
    static const char text[] =
        REQUIRED "  test: {images: t, ids: s.csv}\n"
                 "train:\n  initial_model: m.h5\n  initial_channels: [blue, red]\n"
                 "  early_stopping: {patience: 3, min_delta: 0.5}\n";
    static const char *const sets[][4] = {
        {"data.test=none", "train.initial_model=none", "train.early_stopping=none",
         "train.initial_channels=none"},
        {"data.test=null", "train.initial_model=~", "train.early_stopping=null",
         "train.initial_channels=null"}};
    for (size_t i = 0; i < 2; i++) {
        hpac_config config = load_good_sets(text, sets[i], 4);
        cr_expect_eq(config.train.initial_channel_count, 0);
        cr_expect(!config.data.test_images && !config.data.test_ids);
        cr_expect_null(config.train.initial_model);
        cr_expect(config.train.patience == 0 && config.train.min_delta == 0.0f);
        hpac_config_fini(&config);
    }
    /* What follows counts; a file may be called none. */
    static const char *const later[] = {"data.test=none", "data.test={images: 'none', ids: n.csv}"};
    hpac_config config = load_good_sets(text, later, 2);
    cr_expect_str_eq(config.data.test_images, "none");
    HPAC_AUTO_FREE char *written = NULL;
    cr_assert_eq(hpac_config_text(&config, &written), HPAC_OK);
    hpac_config again = load_good(written);
    cr_expect_str_eq(again.data.test_images, "none");
    hpac_config_fini(&again);
    hpac_config_fini(&config);

    refused_set("data.split=none", "1 problem\n--set data.split=none: expected nested keys "
                                   "(folds, repeats, seed, method, fold), not "
                                   "\"none\"");
    refused_set("data.labels=null", "1 problem\n--set data.labels=null: expected a path, not "
                                    "nothing");
    refused_sets(text, (const char *const[]){"data.test.ids=none"}, 1,
                 "1 problem\nc.yaml:4: data.test.images: needs data.test.ids as well");
}

Test(config, overrides_are_checked_like_the_file)
{
    refused_set("train.batch_size=abc",
                "1 problem\n--set train.batch_size=abc: expected an integer in [1, 65536], not "
                "\"abc\"");
    refused_set("train.bach_size=1", "1 problem\n--set train.bach_size=1: unknown key; did you "
                                     "mean train.batch_size?");
    refused_set("epochs=1", "1 problem\n--set epochs=1: unknown key; did you mean train.epochs?");
    refused_set("train.epochs", "1 problem\n--set train.epochs: expected KEY=VALUE, as in "
                                "train.epochs=5");
    refused_set("=5", "1 problem\n--set =5: an empty key; expected KEY=VALUE, as in "
                      "train.epochs=5");
    refused_set("train..epochs=5", "1 problem\n--set train..epochs=5: an empty key; expected "
                                   "KEY=VALUE, as in train.epochs=5");
    refused_set("train.=5", "1 problem\n--set train.=5: an empty key; expected KEY=VALUE, as in "
                            "train.epochs=5");
    refused_set("train.epochs=", "1 problem\n--set train.epochs=: has no value");
    refused_set("train.epochs=null", "1 problem\n--set train.epochs=null: expected an integer "
                                     "in [1, 1000000], not nothing");
    refused_set("train.epochs.x=1", "1 problem\n--set train.epochs.x=1: train.epochs: expected an "
                                    "integer in [1, 1000000], not a mapping");
    refused_set(
        "train=5",
        "1 problem\n--set train=5: expected nested keys (epochs, batch_size, shuffle, drop_last, "
        "seed, optimizer, schedule, clip_norm, accumulate, ema, l2, layers, loss, "
        "positive_weights, "
        "early_stopping, initial_model, initial_weights, initial_channels, batch_norm_frozen), not "
        "\"5\"");
    refused_set_syntax("data.targets=[Cytosol");
    refused_set("model.9.rate=0.5",
                "1 problem\n--set model.9.rate=0.5: no element \"9\" in the list; expected an "
                "integer in [1, 8]");
    refused_set("model.0.rate=0.5",
                "1 problem\n--set model.0.rate=0.5: no element \"0\" in the list; expected an "
                "integer in [1, 8]");
    refused_set("model.3.rate=0.5",
                "1 problem\n--set model.3.rate=0.5: unknown key; expected one of type, size, "
                "strides, padding, name, inputs");
    refused_set("model=[{type: flatten}, {type: dense, units: x}]",
                "1 problem\n--set model=[{type: flatten}, {type: dense, units: x}]: "
                "model.2.units: expected classes or an integer in [1, 16777216], not \"x\"");
    refused_set("model=[{type: dense, units: 5}]",
                "1 problem\n--set model=[{type: dense, units: 5}]: layer 1 (dense): expected a "
                "vector, got images (128, 128, 1); put a flatten or "
                "global pooling layer before it");
    static const char *const several[] = {"train.epochs=0", "train.seed=x", "nonsense"};
    refused_sets(REQUIRED "device: {threads: 0}\n", several, 3,
                 "c.yaml: 4 problems\n"
                 "--set nonsense: expected KEY=VALUE, as in train.epochs=5\n"
                 "c.yaml:4: device.threads: expected auto or an integer in [1, 1024], not "
                 "\"0\"\n"
                 "--set train.epochs=0: expected an integer in [1, 1000000], not \"0\"\n"
                 "--set train.seed=x: expected an integer in [0, 18446744073709551615], not "
                 "\"x\"");
}
