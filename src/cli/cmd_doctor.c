/* hpac doctor: which devices there are, whether they compute correctly, and how fast. */
#include "options.h"
#include "progress.h"

#include "base/memory.h"
#include "doctor/doctor.h"

static hpac_status run(const cli_arguments *arguments)
{
    const hpac_device_options device = {
        .name = cli_text(arguments, "device"),
        .precision = (hpac_precision)cli_choice(arguments, "precision"),
        .image_layout = (hpac_image_layout)cli_choice(arguments, "image-layout"),
        .deterministic = true,
    };
    uint64_t seed = cli_number(arguments, "seed");
    bool json = cli_flag(arguments, "json");
    char verdict[4096];
    HPAC_AUTO(hpac_doctor_close) hpac_doctor doctor = {0};
    HPAC_TRY(hpac_doctor_open(&device, &doctor));
    hpac_doctor_examine(&doctor, seed, json ? NULL : stdout, progress_count, "examining");
    progress_end();
    hpac_status status = hpac_doctor_verdict(&doctor, verdict, sizeof verdict);
    if (json)
        HPAC_TRY(hpac_doctor_print_json(&doctor, seed, verdict, status == HPAC_OK, stdout));
    else
        printf("\nverdict: %s\n", verdict);
    return status;
}

const cli_command cmd_doctor = {
    .name = "doctor",
    .operands = "",
    .summary = "check that the devices compute correctly, and how fast",
    .description =
        "Shows the CPU and, if there is one, the GPU with its driver and libraries; runs every "
        "operation in many shapes on each and compares the results with a double-precision "
        "reference; and measures copies, a matrix product and a convolution. The last line is the "
        "verdict. Exits with 4 when a device computes wrong results, or when --device cuda asks "
        "for a GPU that cannot be used; the message names what is missing.",
    .options = {CLI_DEVICE,
                OPTION_CHOICE("precision", "fp32|tf32|bf16", "fp32", "precision of the GPU"),
                OPTION_CHOICE("image-layout", "auto|nhwc|nchw", "auto", "tensor layout on the GPU"),
                OPTION_NUMBER("seed", "S", "0", 0, LLONG_MAX, "seed of the random inputs"),
                CLI_JSON, CLI_QUIET},
    .examples = {{"hpac doctor", "Check the CPU and, if there is one, the GPU."},
                 {"hpac doctor --device cuda --precision tf32 --json",
                  "Check the GPU in another precision, with output for a script."}},
    .run = run,
};
