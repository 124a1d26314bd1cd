/* The options of a split. */
#include "split_options.h"

bool split_options_read(const cli_arguments *arguments, hpac_split_options *split)
{
    *split = (hpac_split_options){
        .folds = (int)cli_number(arguments, "folds"),
        .repeats = (int)cli_number(arguments, "repeats"),
        .seed = (uint32_t)cli_number(arguments, "seed"),
        .method = (hpac_split_method)cli_choice(arguments, "method"),
    };
    return cli_flag(arguments, "folds") || cli_flag(arguments, "repeats") ||
           cli_flag(arguments, "seed") || cli_flag(arguments, "method");
}
