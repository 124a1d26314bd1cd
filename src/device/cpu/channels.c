/* Work on values by their channels: parts for threads, tiles, and coefficients in periods. */
#include "cpu.h"

#include <omp.h>
#include <string.h>
#include <sys/param.h>

enum {
    TILE = 4096,       /* floats: with three arrays of them the first cache is not full */
    TILE_PIXELS = 32,  /* of many lanes: what is done once for a tile must not count */
    PERIOD_VECTORS = 4 /* what sums keep in registers */
};

static size_t greatest_common_divisor(size_t a, size_t b)
{
    return b == 0 ? a : greatest_common_divisor(b, a % b);
}

cpu_channels hpac_cpu_channels_of(const cpu_device *device, const cpu_tensor *input,
                                  const cpu_tensor *output, bool by_image)
{
    bool views = input->view.channels + output->view.channels > 0;
    const cpu_planes planes = hpac_cpu_planes_of(input);
    size_t batch = input->batch, image_pixels = input->shape.rows * input->shape.cols;
    size_t plane = image_pixels * planes.lanes;
    size_t vectors = device->kernels->lanes * PERIOD_VECTORS;
    size_t period = planes.lanes / greatest_common_divisor(planes.lanes, vectors) * vectors;
    /* The images have no gaps between them. */
    bool together = planes.count == 1 && !by_image && !views;
    cpu_channels channels = {
        .planes = planes.count,
        .lanes = planes.lanes,
        .channels = input->shape.channels,
        .items = planes.count * (by_image ? batch : 1),
        .item_step = plane,
        .segments = by_image || together ? 1 : batch,
        .x_offset = hpac_cpu_view_offset(input),
        .x_step = hpac_cpu_image_step(input),
        .y_offset = hpac_cpu_view_offset(output),
        .y_step = hpac_cpu_image_step(output),
        .segment_count = plane * (together ? batch : 1),
        .pixels = image_pixels * (by_image ? 1 : batch),
        .period = period,
        .tile = MAX(TILE / MAX(period, 1), 1) * period,
    };
    while (channels.tile < TILE_PIXELS * planes.lanes)
        channels.tile += period;
    channels.runs = MIN(MAX(channels.tile / MAX(channels.segment_count, 1), 1), channels.segments);
    size_t nbytes = 0;
    (void)hpac_plan_reserve(&nbytes, CHANNEL_ARRAY_COUNT * period * sizeof(float));
    (void)hpac_plan_reserve(&nbytes, CHANNEL_TOTALS * planes.lanes * sizeof(double));
    channels.part_nbytes = nbytes;
    return channels;
}

/* Of a segment, or of `runs` segments. */
static size_t tiles_per_group(const cpu_channels *channels)
{
    return (channels->segment_count + channels->tile - 1) / channels->tile;
}

static size_t tiles_per_item(const cpu_channels *channels)
{
    size_t groups = (channels->segments + channels->runs - 1) / channels->runs;
    return groups * tiles_per_group(channels);
}

cpu_tile hpac_cpu_tile_of(const cpu_part *part, size_t tile)
{
    const cpu_channels *channels = part->channels;
    size_t tiles = tiles_per_group(channels), begin = tile % tiles * channels->tile;
    size_t segment = tile / tiles * channels->runs;
    const channel_range range = {
        .period = channels->period,
        .count = MIN(channels->tile, channels->segment_count - begin),
        .runs = MIN(channels->runs, channels->segments - segment),
        .x_step = channels->x_step,
        .y_step = channels->y_step,
    };
    size_t in_image = part->item * channels->item_step + begin;
    return (cpu_tile){
        .x_offset = channels->x_offset + segment * channels->x_step + in_image,
        .offset = channels->y_offset + segment * channels->y_step + in_image,
        .range = range,
        .pixels = range.count / channels->lanes * range.runs,
    };
}

float *hpac_cpu_part_array(const cpu_part *part, channel_array array)
{
    return (float *)(void *)part->own + array * part->channels->period;
}

double *hpac_cpu_part_totals(const cpu_part *part, size_t index, size_t total)
{
    const cpu_channels *channels = part->channels;
    size_t totals_nbytes = CHANNEL_TOTALS * channels->lanes * sizeof(double);
    char *end = part->first + (index + 1) * channels->part_nbytes;
    totals_nbytes = (totals_nbytes + 255) / 256 * 256;
    return (double *)(void *)(end - totals_nbytes) + total * channels->lanes;
}

static size_t first_tile_of(const cpu_part *part, size_t index)
{
    return tiles_per_item(part->channels) * index / part->count;
}

size_t hpac_cpu_part_pixels(const cpu_part *part, size_t index)
{
    size_t pixels = 0;
    for (size_t tile = first_tile_of(part, index); tile < first_tile_of(part, index + 1); tile++)
        pixels += hpac_cpu_tile_of(part, tile).pixels;
    return pixels;
}

void hpac_cpu_part_repeat(const cpu_part *part, channel_array array)
{
    float *values = hpac_cpu_part_array(part, array);
    size_t lanes = part->channels->lanes;
    for (size_t i = lanes; i < part->channels->period; i += lanes)
        memcpy(values + i, values, lanes * sizeof *values);
}

void hpac_cpu_part_fold(const cpu_part *part, size_t sum, double *total)
{
    const float *sums = hpac_cpu_part_array(part, (channel_array)(CHANNEL_SUMS + sum));
    size_t lanes = part->channels->lanes;
    for (size_t lane = 0; lane < lanes; lane++)
        total[lane] = 0;
    for (size_t i = 0; i < part->channels->period; i += lanes)
        for (size_t lane = 0; lane < lanes; lane++)
            total[lane] += (double)sums[i + lane];
}

cpu_lanes hpac_cpu_part_lanes(const cpu_part *part)
{
    const cpu_channels *channels = part->channels;
    size_t first = part->item % channels->planes * channels->lanes;
    return (cpu_lanes){.first = first, .count = MIN(channels->lanes, channels->channels - first)};
}

/* Items are divided among threads if that is fair to them, else the tiles of each item: a barrier
 * before the totals are read, one before they are replaced. */
static void run_parts(const cpu_channels *channels, char *workspace, const cpu_part_steps *steps,
                      void *context)
{
    size_t threads = (size_t)omp_get_num_threads(), thread = (size_t)omp_get_thread_num();
    bool split = channels->items % threads != 0 && channels->items < 8 * threads;
    size_t first = split ? 0 : channels->items * thread / threads;
    size_t end = split ? channels->items : channels->items * (thread + 1) / threads;
    cpu_part part = {
        .channels = channels,
        .index = split ? thread : 0,
        .count = split ? threads : 1,
        .first = workspace + (split ? 0 : thread * channels->part_nbytes),
        .own = workspace + thread * channels->part_nbytes,
    };
    part.first_tile = first_tile_of(&part, part.index);
    part.end_tile = first_tile_of(&part, part.index + 1);
    for (part.item = first; part.item < end; part.item++) {
        if (steps->collect) {
            steps->collect(context, &part);
            if (split) {
#pragma omp barrier
            }
        }
        steps->finish(context, &part);
        if (steps->collect && split) {
#pragma omp barrier
        }
        if (steps->apply)
            steps->apply(context, &part);
    }
}

void hpac_cpu_for_parts(const cpu_channels *channels, void *workspace, const cpu_part_steps *steps,
                        void *context)
{
    size_t count = channels->items * channels->segments * channels->segment_count;
#pragma omp parallel if (count > TILE)
    run_parts(channels, workspace, steps, context);
}
