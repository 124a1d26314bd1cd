/* Blocks of layers: the same network as with their layers written out. */
#include "config_text.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define HEAD                                                                                       \
    "- {type: global_avgpool}\n"                                                                   \
    "- {type: dense, units: classes, activation: sigmoid}\n"

/* A residual block whose shortcut is a convolution. */
#define RESIDUAL                                                                                   \
    "blocks:\n"                                                                                    \
    "  residual:\n"                                                                                \
    "    defaults: {stride: 1}\n"                                                                  \
    "    layers:\n"                                                                                \
    "    - {type: conv2d, filters: $filters, kernel: 3, strides: $stride, padding: same}\n"        \
    "    - {type: relu}\n"                                                                         \
    "    - {type: conv2d, filters: $filters, kernel: 3, padding: same, name: main}\n"              \
    "    - {type: conv2d, filters: $filters, kernel: 1, strides: $stride, inputs: [input], "       \
    "name: shortcut}\n"                                                                            \
    "    - {type: add, inputs: [main, shortcut]}\n"

static void expect_same(const char *with_blocks, const char *written_out)
{
    hpac_config a = load_good(with_blocks), b = load_good(written_out);
    char *text[2];
    cr_assert_eq(hpac_config_text(&a, &text[0]), HPAC_OK);
    cr_assert_eq(hpac_config_text(&b, &text[1]), HPAC_OK);
    cr_expect_str_eq(text[0], text[1]);
    free(text[0]);
    free(text[1]);
    hpac_config_fini(&a);
    hpac_config_fini(&b);
}

Test(config_blocks, are_their_layers)
{
    expect_same(
        REQUIRED RESIDUAL "model:\n"
                          "- {type: conv2d, filters: 4, kernel: 3}\n"
                          "- {block: residual, filters: 8, stride: 2, name: one}\n"
                          "- {type: relu, name: middle}\n"
                          "- {block: residual, filters: 16, inputs: [middle], name: two}\n" HEAD,
        REQUIRED
        "model:\n"
        "- {type: conv2d, filters: 4, kernel: 3, name: one_input}\n"
        "- {type: conv2d, filters: 8, kernel: 3, strides: 2, padding: same}\n"
        "- {type: relu}\n"
        "- {type: conv2d, filters: 8, kernel: 3, padding: same, name: one_main}\n"
        "- {type: conv2d, filters: 8, kernel: 1, strides: 2, inputs: [one_input], name: "
        "one_shortcut}\n"
        "- {type: add, inputs: [one_main, one_shortcut], name: one}\n"
        "- {type: relu, name: middle}\n"
        "- {type: conv2d, filters: 16, kernel: 3, padding: same, strides: 1, inputs: [middle]}\n"
        "- {type: relu}\n"
        "- {type: conv2d, filters: 16, kernel: 3, padding: same, name: two_main}\n"
        "- {type: conv2d, filters: 16, kernel: 1, inputs: [middle], name: two_shortcut}\n"
        "- {type: add, inputs: [two_main, two_shortcut], name: two}\n" HEAD);
}

/* A last layer with a name keeps it, as Keras's networks have it: "block1a_project_bn". */
Test(config_blocks, keep_the_name_of_their_last_layer)
{
    expect_same(REQUIRED "blocks:\n"
                         "  part:\n"
                         "    layers:\n"
                         "    - {type: conv2d, filters: $filters, kernel: 1, name: 0_conv}\n"
                         "    - {type: batch_norm, name: 0_bn}\n"
                         "model:\n"
                         "- {block: part, filters: 8, name: one}\n"
                         "- {block: part, filters: 8, name: two}\n"
                         "- {type: add, inputs: [one_0_bn, two_0_bn]}\n" HEAD,
                REQUIRED "model:\n"
                         "- {type: conv2d, filters: 8, kernel: 1, name: one_0_conv}\n"
                         "- {type: batch_norm, name: one_0_bn}\n"
                         "- {type: conv2d, filters: 8, kernel: 1, name: two_0_conv}\n"
                         "- {type: batch_norm, name: two_0_bn}\n"
                         "- {type: add, inputs: [one_0_bn, two_0_bn]}\n" HEAD);
}

/* In front of all layers the input of a block is the image. */
Test(config_blocks, may_come_first)
{
    expect_same(REQUIRED RESIDUAL "model:\n- {block: residual, filters: 8, name: one}\n" HEAD,
                REQUIRED "model:\n"
                         "- {type: conv2d, filters: 8, kernel: 3, padding: same}\n"
                         "- {type: relu}\n"
                         "- {type: conv2d, filters: 8, kernel: 3, padding: same, name: one_main}\n"
                         "- {type: conv2d, filters: 8, kernel: 1, inputs: [input], name: "
                         "one_shortcut}\n"
                         "- {type: add, inputs: [one_main, one_shortcut], name: one}\n" HEAD);
}

static void refuse(const char *model, const char *part)
{
    hpac_config config;
    char text[2048];
    snprintf(text, sizeof text, REQUIRED RESIDUAL "model:\n%s" HEAD, model);
    cr_expect_eq(load_sets(text, NULL, 0, &config), HPAC_ERR_CONFIG, "accepted: %s", model);
    cr_expect_not_null(strstr(hpac_error_message(), part), "%s\nlacks: %s", hpac_error_message(),
                       part);
}

Test(config_blocks, mistakes_are_named)
{
    refuse("- {block: residul, filters: 8}\n",
           "c.yaml:14: model.1: no block \"residul\"; did you mean residual?");
    refuse("- {block: residual}\n", "c.yaml:14: model.1: the block needs the parameter filters");
    refuse("- {block: residual, filters: 8, strides: 2}\n",
           "c.yaml:14: model.1: the block has no parameter strides; did you mean stride?");
    refuse("- {block: residual, filters: 8, inputs: here}\n", "expected one name in a list");
    refuse("- {block: residual, filters: 0}\n", "expected an integer in [1, 65536], not \"0\"");
}

/* What a layer reads must stand before it. */
Test(config_blocks, names_are_looked_up_among_the_layers_before)
{
    refused(REQUIRED "model:\n- {type: conv2d, filters: 2, kernel: 3, inputs: [late]}\n"
                     "- {type: relu, name: late}\n" HEAD,
            "1 problem\nc.yaml:5: model.1: no layer before this one is called late");
    refused(REQUIRED "model:\n- {type: relu, name: a}\n- {type: relu, name: a}\n" HEAD,
            "1 problem\nc.yaml:6: model.2: duplicate name a, that of layer 1");
    refused(REQUIRED "model:\n- {type: relu, name: a}\n- {type: relu, inputs: [input]}\n" HEAD,
            "1 problem\nc.yaml:5: layer 1 \"a\" (relu): no layer reads its output");
    refused(REQUIRED "model:\n- {type: relu, name: a}\n- {type: maxpool, size: 2, name: b}\n"
                     "- {type: add, inputs: [a, b]}\n" HEAD,
            "1 problem\nc.yaml:7: layer 3 (add): inputs of (128, 128, 1) and (64, 64, 1), expected "
            "one shape");
}
