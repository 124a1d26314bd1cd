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
    refuse("- {block: residual, filters: 8, name: a, name: b}\n",
           "c.yaml:14: model.1: duplicate key, first in line 14");
    refuse("- {block: residual, filters: 8, inputs: here}\n", "expected one name in a list");
    refuse("- {block: residual, filters: 0}\n", "expected an integer in [1, 65536], not \"0\"");
}

/* A cause is reported once, at its line, and nothing that follows from it. */
Test(config_blocks, a_mistake_is_reported_once)
{
    static const struct {
        const char *model, *problems;
    } cases[] = {
        {"- {block: residul, filters: 8, name: a}\n- {type: add, inputs: [a, input]}\n",
         "1 problem\nc.yaml:14: model.1: no block \"residul\"; did you mean residual?"},
        {"- {block: other, filters: 8, name: a}\n",
         "1 problem\nc.yaml:14: model.1: no block \"other\"; expected one of residual"},
        {"- {block: residual, filter: 8}\n",
         "1 problem\nc.yaml:14: model.1: the block has no parameter filter; did you mean filters?"},
        {"- {block: residual}\n- {type: relu, nam: a}\n",
         "2 problems\nc.yaml:14: model.1: the block needs the parameter filters, as in {block: "
         "..., "
         "filters: 1}\nc.yaml:15: model.1.nam: unknown key; did you mean model.1.name?"},
        {"- {type: relu, name: stem}\n- {block: residual, filters: 8, inputs: [stm]}\n",
         "1 problem\nc.yaml:15: model.2: no layer before this one is called stm; did you mean "
         "stem?"},
        {"- {block: residual, filters: 8, name: 2b}\n- {type: relu, inputs: [2b]}\n",
         "1 problem\nc.yaml:14: model.1: expected a name of at most 63 letters, digits, _ . - and "
         "/, "
         "which begins with a letter and is not input, not \"2b\""},
        {"- {block: residual, filters: 8, name: a}\n- {block: residual, filters: 8, name: a}\n",
         "1 problem\nc.yaml:15: model: duplicate name a, that of the block in line 14"},
        {"- {block: residual, filters: 0}\n- {block: residual, filters: 0}\n",
         "2 problems\nc.yaml:14: blocks.residual.layers.1.filters: expected an integer in [1, "
         "65536], not \"0\"\nc.yaml:15: blocks.residual.layers.1.filters: expected an integer in "
         "[1, 65536], not \"0\""},
        {"- {type: relu, name: 2b}\n- {type: relu, inputs: [2b]}\n",
         "1 problem\nc.yaml:14: model.1.name: expected a name of at most 63 letters, digits, _ . - "
         "and /, which begins with a letter and is not input, not \"2b\""},
        {"- {type: conv2d, filter: 8, kernel: 3}\n",
         "1 problem\nc.yaml:14: model.1.filter: unknown key; did you mean model.1.filters?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[2048];
        snprintf(text, sizeof text, REQUIRED RESIDUAL "model:\n%s" HEAD, cases[i].model);
        refused(text, cases[i].problems);
    }
}

/* A mistake in a block is one, however often the block is used, and also if it is not. */
Test(config_blocks, their_definitions_are_checked)
{
    static const struct {
        const char *blocks, *problems;
    } cases[] = {
        {"  a: {layers: [{type: batchnorm}]}\n",
         "1 problem\nc.yaml:5: blocks.a.layers.1.type: unknown layer \"batchnorm\"; did you mean "
         "batch_norm?"},
        {"  a: {layers: [{type: maxpool, sise: 2}]}\n",
         "1 problem\nc.yaml:5: blocks.a.layers.1.sise: unknown key; did you mean "
         "blocks.a.layers.1.size?"},
        {"  a: {layer: [{type: relu}]}\n",
         "1 problem\nc.yaml:5: blocks.a.layer: unknown key; did you mean blocks.a.layers?"},
        {"  a: {layers: []}\n",
         "1 problem\nc.yaml:5: blocks.a.layers: expected a list of layers, not an empty list"},
        {"  a: {layers: [relu]}\n",
         "1 problem\nc.yaml:5: blocks.a.layers.1: expected a layer such as {type: relu}, not "
         "\"relu\""},
        {"  a: {layers: [{block: a}]}\n",
         "1 problem\nc.yaml:5: blocks.a.layers.1: a block in a block, expected layers; name both "
         "blocks in the model, one behind the other"},
        {"  a: {layers: [{type: relu, name: [b]}]}\n",
         "1 problem\nc.yaml:5: blocks.a.layers.1: expected a name, not a list of 1"},
        {"  a: {layers: [{type: relu}], defaults: {size: 2}}\n",
         "1 problem\nc.yaml:5: blocks.a.defaults: the block has no parameter size"},
        {"  a: {layers: [{type: relu}]}\n  b: 3\n",
         "1 problem\nc.yaml:6: blocks.b: expected {layers: [...], defaults: {...}}, not \"3\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[2048];
        snprintf(text, sizeof text, "blocks:\n%smodel:\n- {block: a}\n- {block: a}\n" HEAD,
                 cases[i].blocks);
        char complete[2200];
        snprintf(complete, sizeof complete, REQUIRED "%s", text);
        refused(complete, cases[i].problems);
    }
}

/* A shape is wrong where the block is used. */
Test(config_blocks, shapes_name_the_line_of_the_use)
{
    refused(REQUIRED "blocks:\n  sum:\n    layers:\n"
                     "    - {type: conv2d, filters: $filters, kernel: 1, name: main}\n"
                     "    - {type: add, inputs: [main, input]}\nmodel:\n"
                     "- {block: sum, filters: 1}\n- {block: sum, filters: 2, name: b}\n" HEAD,
            "1 problem\nc.yaml:8, for the block in line 11: layer 4 \"b\" (add): inputs of (128, "
            "128, 2) and (128, 128, 1), expected one shape; a conv2d of kernel 1 changes channels, "
            "its strides rows and cols");
}

/* What a newcomer may write, and what it should be. */
Test(config_blocks, messages_say_what_to_write)
{
    static const struct {
        const char *model, *problems;
    } cases[] = {
        {"- {type: MaxPooling2D, size: 2}\n", "1 problem\nc.yaml:5: model.1.type: unknown layer "
                                              "\"MaxPooling2D\"; did you mean maxpool?"},
        {"- {typ: relu}\n",
         "1 problem\nc.yaml:5: model.1: unknown key \"typ\"; did you mean type?"},
        {"- {type: relu, name: a, inputs: [a]}\n",
         "1 problem\nc.yaml:5: model.1: a reads itself; expected layers before it"},
        {"- {type: relu, name: a}\n- {type: relu, inputs: a}\n",
         "1 problem\nc.yaml:6: model.2.inputs: expected a list, as in [a], not \"a\""},
        {"- {block: a}\n",
         "1 problem\nc.yaml:5: model.1: no block \"a\"; the configuration has no key blocks"},
        {"- {type: conv2d, filters: $filters, kernel: 3}\n",
         "1 problem\nc.yaml:5: model.1.filters: expected an integer in [1, 65536], not "
         "\"$filters\", a parameter, which only layers of blocks have"},
        {"- {type: add}\n",
         "1 problem\nc.yaml:5: layer 1 (add): 1 input, expected at least 2, named by `inputs`"},
        {"- {type: activation}\n",
         "1 problem\nc.yaml:5: model.1: activation is missing: Applied to each value."},
        {"- {type: activation, activation: softmax}\n",
         "1 problem\nc.yaml:5: model.1.activation: expected relu, sigmoid, relu6, silu, gelu, "
         "softplus or tanh, not \"softmax\", which only the last dense layer has, as its "
         "`activation`"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1024];
        snprintf(text, sizeof text, REQUIRED "model:\n%s" HEAD, cases[i].model);
        refused(text, cases[i].problems);
    }
    refused(REQUIRED "model: {type: relu}\n",
            "1 problem\nc.yaml:4: model: expected a list, in which each layer begins with \"- \", "
            "not a mapping");
}

/* What a layer reads must stand before it. */
Test(config_blocks, names_are_looked_up_among_the_layers_before)
{
    refused(REQUIRED "model:\n- {type: conv2d, filters: 2, kernel: 3, inputs: [late]}\n"
                     "- {type: relu, name: late}\n" HEAD,
            "1 problem\nc.yaml:5: model.1: no layer before this one is called late; layer 2 is, "
            "which must "
            "stand before it");
    refused(REQUIRED "model:\n- {type: relu, name: a}\n- {type: relu, name: a}\n" HEAD,
            "1 problem\nc.yaml:6: model.2: duplicate name a, that of layer 1");
    refused(REQUIRED "model:\n- {type: relu, name: a}\n- {type: relu, inputs: [input]}\n" HEAD,
            "1 problem\nc.yaml:5: layer 1 \"a\" (relu): no layer reads its output; name it "
            "in the `inputs` of a later layer, or remove it");
    refused(REQUIRED "model:\n- {type: relu, name: a}\n- {type: maxpool, size: 2, name: b}\n"
                     "- {type: add, inputs: [a, b]}\n" HEAD,
            "1 problem\nc.yaml:7: layer 3 (add): inputs of (128, 128, 1) and (64, 64, 1), expected "
            "one shape; a conv2d of kernel 1 changes channels, its strides rows and cols");
}
