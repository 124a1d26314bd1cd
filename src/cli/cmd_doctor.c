/* hpac doctor: what the devices are, whether they compute rightly, and how fast. */
#include "commands.h"
#include "doctor_json.h"
#include "progress.h"

#include <hpac/doctor.h>

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

/* ---- the tables ---- */

static void print_devices(const hpac_doctor *doctor)
{
    const double mib = 0x1p-20;
    for (int i = 0; i < doctor->exam_count; i++) {
        const hpac_doctor_exam *exam = &doctor->exams[i];
        if (!exam->device) {
            printf("%s: not usable: %s\n", exam->name, exam->reason);
            continue;
        }
        printf("%s\n  libraries: %s\n  memory: %.0f MiB, %.0f MiB free\n", exam->info.name,
               exam->info.libraries, (double)exam->info.total_nbytes * mib,
               (double)exam->info.free_nbytes * mib);
    }
}

static bool any_is_open(const hpac_doctor *doctor)
{
    for (int i = 0; i < doctor->exam_count; i++)
        if (doctor->exams[i].device)
            return true;
    return false;
}

static void print_head(const hpac_doctor *doctor, uint64_t seed)
{
    printf("\nOperations against a reference in double, seed %" PRIu64
           ": the largest error, how much of\nwhat is allowed that is, and the device's time.\n",
           seed);
    printf("%-58s", "");
    for (int i = 0; i < doctor->exam_count; i++)
        if (doctor->exams[i].device)
            printf("%29s", doctor->exams[i].name);
    putchar('\n');
}

static void print_finding(const hpac_doctor_finding *finding)
{
    const hpac_selfcheck_reading *reading = &finding->reading;
    if (finding->status != HPAC_OK)
        printf("%29s", "FAILS");
    else if (reading->error > 0)
        printf("%9.2g %6.2f %% %7.2f ms", reading->error, 100 * reading->error / reading->tolerance,
               reading->elapsed_ms);
    else
        printf("%18s %7.2f ms", "exact", reading->elapsed_ms);
}

static void print_case(const hpac_doctor *doctor, int index)
{
    printf("%-58s", hpac_selfcheck_name(index));
    for (int i = 0; i < doctor->exam_count; i++)
        if (doctor->exams[i].device)
            print_finding(&doctor->exams[i].findings[index]);
    putchar('\n');
    for (int i = 0; i < doctor->exam_count; i++)
        if (doctor->exams[i].findings[index].status != HPAC_OK)
            printf("  %s: %s\n", doctor->exams[i].name, doctor->exams[i].findings[index].message);
    fflush(stdout);
}

static void print_speed(const char *what, double speed, const char *unit)
{
    if (speed > 0)
        printf("  %-42s %9.1f %s\n", what, speed, unit);
}

static void print_speeds(const hpac_doctor_exam *exam)
{
    const hpac_doctor_speeds *speeds = &exam->speeds;
    char text[64];
    printf("\n%s\n", exam->name);
    print_speed("upload from pinned memory", speeds->upload_gb_per_s, "GB/s");
    print_speed("download to pinned memory", speeds->download_gb_per_s, "GB/s");
    print_speed("copy on the device, read and write", speeds->copy_gb_per_s, "GB/s");
    snprintf(text, sizeof text, "dense %d x %d, batch %d, forward", speeds->dense_size,
             speeds->dense_size, speeds->dense_size);
    print_speed(text, speeds->dense_forward_gflop_per_s, "GFLOP/s");
    print_speed("  backward", speeds->dense_backward_gflop_per_s, "GFLOP/s");
    snprintf(text, sizeof text, "conv2d 3 x 3, 16 to 32, batch %d, forward", speeds->conv2d_batch);
    print_speed(text, speeds->conv2d_forward_gflop_per_s, "GFLOP/s");
    print_speed("  backward", speeds->conv2d_backward_gflop_per_s, "GFLOP/s");
    if (*exam->trouble)
        printf("  %s\n", exam->trouble);
}

/* ---- the examination ---- */

static void examine(hpac_doctor *doctor, uint64_t seed, bool json)
{
    for (int i = 0; i < hpac_selfcheck_count(); i++) {
        for (int e = 0; e < doctor->exam_count; e++)
            hpac_doctor_check_case(&doctor->exams[e], i, seed);
        if (!json)
            print_case(doctor, i);
        else
            progress_count("examining", (size_t)i + 1, (size_t)hpac_selfcheck_count());
    }
    for (int e = 0; e < doctor->exam_count; e++) {
        hpac_doctor_measure(&doctor->exams[e]);
        if (!json && doctor->exams[e].device)
            print_speeds(&doctor->exams[e]);
    }
}

static hpac_status report(hpac_doctor *doctor, uint64_t seed, bool json, bool quiet)
{
    char verdict[4096];
    if (!json)
        print_devices(doctor);
    if (any_is_open(doctor)) {
        if (!json)
            print_head(doctor, seed);
        progress_begin(!json || quiet);
        examine(doctor, seed, json);
        progress_end();
    }
    hpac_status status = hpac_doctor_judge(doctor, verdict, sizeof verdict);
    if (!json)
        printf("\nverdict: %s\n", verdict);
    else if (doctor_print_json(doctor, seed, verdict, status == HPAC_OK) != HPAC_OK)
        return HPAC_ERR_INTERNAL;
    return status;
}

static hpac_status run(const cli_arguments *arguments)
{
    const hpac_device_options device = {
        .name = cli_text(arguments, "device"),
        .precision = (hpac_precision)cli_choice(arguments, "precision"),
        .image_layout = (hpac_image_layout)cli_choice(arguments, "image-layout"),
        .deterministic = true,
    };
    hpac_doctor doctor;
    hpac_status status = hpac_doctor_open(&device, &doctor);
    if (status == HPAC_OK)
        status = report(&doctor, (uint64_t)cli_number(arguments, "seed"),
                        cli_flag(arguments, "json"), cli_flag(arguments, "quiet"));
    hpac_doctor_close(&doctor);
    return status;
}

static const cli_option options[] = {
    CLI_DEVICE,
    {.name = "precision",
     .kind = CLI_CHOICE,
     .argument = "fp32|tf32|bf16",
     .fallback = "fp32",
     .help = "of the GPU"},
    {.name = "image-layout",
     .kind = CLI_CHOICE,
     .argument = "auto|nhwc|nchw",
     .fallback = "auto",
     .help = "of the GPU"},
    {.name = "seed",
     .kind = CLI_NUMBER,
     .argument = "S",
     .fallback = "0",
     .maximum = LLONG_MAX,
     .help = "of the numbers that are fed in"},
    CLI_JSON,
    CLI_QUIET,
    {0},
};

static const cli_note examples[] = {
    {"hpac doctor", "Examine the CPU and, where there is one, the GPU."},
    {"hpac doctor --device cuda --precision tf32 --json",
     "Examine the GPU in another precision, for a script."},
    {0},
};

const cli_command cmd_doctor = {
    .name = "doctor",
    .operands = "",
    .summary = "examine the devices: what they are, whether they compute rightly, how fast",
    .description =
        "Shows the CPU and, where there is one, the GPU with its driver and libraries; runs every "
        "operation in many shapes on each and compares with a plain computation in double; and "
        "measures copies, a matrix product and a convolution. The last line is the verdict. Exits "
        "4 when a device computes wrongly, or when --device cuda asks for one that is not usable; "
        "what is missing is told.",
    .options = options,
    .examples = examples,
    .run = run,
};
