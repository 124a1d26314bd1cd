/* Cells: what a culture's cells have in common, where they lie, the shape of each, and to which
 * cell each pixel belongs. */
#include "synth_scene.h"

#include <math.h>
#include <stdlib.h>

/* ---- cells ---- */

/* Ranges set by eye and by the number of nuclei in the competition's images (8 to 80). */
static void draw_culture(synth_culture *culture, uint32_t labels, hpac_random *random)
{
    bool spindly = synth_chance(random, 0.3f);
    culture->nucleus_radius = 24.0f * synth_spread(random, 0.2f);
    culture->cell_ratio = synth_between(random, 1.7f, 2.6f);
    culture->elongation = synth_between(random, spindly ? 1.4f : 1.05f, spindly ? 2.8f : 1.7f);
    culture->align = hpac_random_uniform(random);
    culture->spikes = synth_between(random, spindly ? 0.4f : 0.0f, spindly ? 1.0f : 0.15f);
    culture->ragged = synth_between(random, 0.02f, 0.09f);
    culture->coverage = synth_between(random, 0.22f, spindly ? 0.9f : 1.25f);
    culture->clumping = hpac_random_uniform(random);
    culture->waviness = synth_between(random, 0.05f, 0.3f);
    culture->filaments = synth_between(random, 0.6f, 1.3f);
    culture->reticulum = synth_between(random, 18.0f, 80.0f);
    culture->taper = synth_between(random, 3.0f, 22.0f);
    culture->chromatin = synth_between(random, 0.05f, 0.3f);
    culture->nuclear_er = synth_between(random, 0.04f, 0.24f);
    culture->spread = synth_between(random, 0.1f, 0.5f);
    if (labels >> SYNTH_BRIDGE & 1 || labels >> SYNTH_SPINDLE & 1)
        culture->coverage = synth_max(culture->coverage, 0.7f);
    if (labels >> SYNTH_JUNCTIONS & 1) {
        culture->coverage = synth_between(random, 1.2f, 1.5f);
        culture->clumping = 1.0f;
        culture->spikes *= 0.2f;
        culture->elongation = synth_between(random, 1.05f, 1.4f);
    }
}

float synth_outline_at(const float outline[SYNTH_ANGLES], float angle)
{
    float place = angle * (SYNTH_ANGLES / (2.0f * SYNTH_PI)) + 2.0f * SYNTH_ANGLES;
    unsigned index = (unsigned)(int)place; /* not negative; through int: vectorized */
    float low = outline[index % SYNTH_ANGLES], high = outline[(index + 1) % SYNTH_ANGLES];
    return low + (place - (float)index) * (high - low);
}

/* An ellipse with a few waves around it, of mean radius about `radius`. */
static void draw_outline(float outline[SYNTH_ANGLES], float radius, float elongation, float axis,
                         float waves, hpac_random *random)
{
    float height[4], phase[4];
    for (int wave = 0; wave < 4; wave++) {
        height[wave] = synth_jitter(random, waves / (float)(wave + 1));
        phase[wave] = synth_angle(random);
    }
    for (int i = 0; i < SYNTH_ANGLES; i++) {
        float angle = (float)i * (2.0f * SYNTH_PI / SYNTH_ANGLES), factor = 1.0f;
        float u = cosf(angle - axis), v = sinf(angle - axis) * elongation;
        for (int wave = 0; wave < 4; wave++)
            factor += height[wave] * cosf((float)(wave + 2) * angle + phase[wave]);
        outline[i] = radius * sqrtf(elongation) * factor / sqrtf(u * u + v * v);
    }
}

/* The processes of a spindly cell: sharp peaks of the outline, two of them along its axis. */
static void grow_spikes(synth_cell *cell, float amount, hpac_random *random)
{
    int count = (int)(synth_between(random, 0.0f, 4.9f) * amount);
    for (int spike = 0; spike < count; spike++) {
        float angle = spike < 2 ? cell->axis + SYNTH_PI * (float)spike + synth_jitter(random, 0.3f)
                                : synth_angle(random);
        float height = amount * synth_between(random, 0.5f, 1.6f);
        float width = synth_between(random, 0.15f, 0.35f);
        for (int i = 0; i < SYNTH_ANGLES; i++) {
            float direction = (float)i * (2.0f * SYNTH_PI / SYNTH_ANGLES);
            float away = fabsf(remainderf(direction - angle, 2.0f * SYNTH_PI));
            cell->outline[i] *= 1.0f + height * expf(-away / width);
        }
    }
}

static void place_nucleoli(synth_cell *cell, hpac_random *random)
{
    cell->nucleolus_count = synth_count(random, 1, 5);
    for (int n = 0; n < cell->nucleolus_count; n++) {
        float angle = synth_angle(random);
        float away = 0.65f * sqrtf(hpac_random_uniform(random));
        away *= synth_outline_at(cell->nucleus_outline, angle);
        cell->nucleoli[n].x = cell->nucleus_x + away * cosf(angle);
        cell->nucleoli[n].y = cell->nucleus_y + away * sinf(angle);
        cell->nucleoli[n].radius = cell->nucleus_radius * synth_between(random, 0.1f, 0.24f);
    }
}

/* Everything of a cell that follows from its place, axis, phase and radius. */
static void shape_cell(synth_cell *cell, const synth_culture *culture, hpac_random *random)
{
    bool interphase = cell->phase == SYNTH_INTERPHASE;
    float elongation = interphase ? culture->elongation * synth_spread(random, 0.12f)
                       : cell->phase == SYNTH_METAPHASE ? 1.08f
                                                        : 1.2f;
    draw_outline(cell->outline, cell->radius, elongation, cell->axis, interphase ? 0.09f : 0.03f,
                 random);
    if (interphase)
        grow_spikes(cell, culture->spikes, random);

    float nucleus_axis = cell->axis + synth_jitter(random, 0.4f);
    float shift = interphase ? 0.12f * cell->radius : 0.0f;
    cell->nucleus_x = cell->x + synth_jitter(random, shift);
    cell->nucleus_y = cell->y + synth_jitter(random, shift);
    float oblong = synth_min(sqrtf(elongation), 1.25f);
    if (cell->phase == SYNTH_DAUGHTER) { /* nuclei flattened across the axis */
        nucleus_axis = cell->axis + SYNTH_PI / 2.0f;
        oblong = 1.6f;
    }
    oblong *= synth_between(random, 1.0f, 1.25f);
    draw_outline(cell->nucleus_outline, cell->nucleus_radius, oblong, nucleus_axis, 0.05f, random);

    float side = cell->axis + synth_jitter(random, 1.0f);
    float away = synth_outline_at(cell->nucleus_outline, side) + synth_between(random, 2.0f, 6.0f);
    cell->centre_x = cell->nucleus_x + away * cosf(side);
    cell->centre_y = cell->nucleus_y + away * sinf(side);
    cell->dna = synth_spread(random, 0.2f) * (interphase ? 1.0f : 1.5f);
    cell->stain = synth_spread(random, 0.25f);
    cell->protein = synth_spread(random, culture->spread);
    if (interphase)
        place_nucleoli(cell, random);
}

/* Cells are no closer than this share of their radii, so that nuclei never touch. */
static bool has_room(const synth_scene *scene, const synth_cell *cell)
{
    for (int i = 0; i < scene->cell_count; i++) {
        const synth_cell *other = &scene->cells[i];
        float dx = cell->x - other->x, dy = cell->y - other->y;
        float min = 0.64f * (cell->radius + other->radius);
        if (dx * dx + dy * dy < min * min)
            return false;
    }
    return true;
}

/* Anywhere, or beside another cell. */
static void propose(const synth_scene *scene, synth_cell *cell, hpac_random *random)
{
    if (scene->cell_count > 0 && synth_chance(random, scene->culture.clumping)) {
        const synth_cell *other = &scene->cells[synth_count(random, 0, scene->cell_count - 1)];
        float angle = synth_angle(random);
        float away = (cell->radius + other->radius) * synth_between(random, 0.66f, 0.85f);
        cell->x = other->x + away * cosf(angle);
        cell->y = other->y + away * sinf(angle);
    } else {
        cell->x = synth_between(random, -cell->radius, SYNTH_SIDE + cell->radius);
        cell->y = synth_between(random, -cell->radius, SYNTH_SIDE + cell->radius);
    }
}

static void place_cells(synth_scene *scene, hpac_random *random)
{
    const synth_culture *culture = &scene->culture;
    float typical = culture->nucleus_radius * culture->cell_ratio;
    float side = SYNTH_SIDE + 2.0f * typical; /* cells lie across the border, too */
    float wanted = culture->coverage * side * side / (SYNTH_PI * typical * typical);
    int max = (int)synth_min(wanted, 200.0f); /* leaves room for daughters */
    float main_axis = synth_between(random, 0.0f, SYNTH_PI);
    for (int tries = 25 * max; tries > 0 && scene->cell_count < max; tries--) {
        float growth = synth_spread(random, 0.14f);
        synth_cell cell = {.radius = typical * growth};
        propose(scene, &cell, random);
        float low = -cell.radius, high = SYNTH_SIDE + cell.radius;
        if (cell.x < low || cell.y < low || cell.x > high || cell.y > high ||
            !has_room(scene, &cell))
            continue;
        cell.nucleus_radius = culture->nucleus_radius * sqrtf(growth) * synth_spread(random, 0.07f);
        cell.axis = main_axis + synth_jitter(random, 1.8f * (1.0f - culture->align) + 0.1f);
        scene->cells[scene->cell_count++] = cell;
    }
}

/* Splits a cell into two daughters, a little apart; cells in the way are removed. */
static void divide(synth_scene *scene, int index, int pair, hpac_random *random)
{
    const synth_cell mother = scene->cells[index];
    float angle = synth_angle(random), radius = 0.95f * mother.nucleus_radius;
    float away = radius * synth_between(random, 1.35f, 1.75f);
    scene->cells[index] = scene->cells[--scene->cell_count];
    for (int i = scene->cell_count - 1; i >= 0; i--) {
        const synth_cell *other = &scene->cells[i];
        float reach = away + 1.2f * radius + 0.55f * other->radius;
        float x = other->x - mother.x, y = other->y - mother.y;
        if (other->phase != SYNTH_DAUGHTER && x * x + y * y < reach * reach)
            scene->cells[i] = scene->cells[--scene->cell_count];
    }
    for (int twin = 0; twin < 2; twin++) {
        scene->cells[scene->cell_count++] = (synth_cell){
            .phase = SYNTH_DAUGHTER,
            .pair = pair,
            .radius = radius,
            .x = mother.x + away * cosf(angle),
            .y = mother.y + away * sinf(angle),
            .axis = angle + SYNTH_PI,
            .nucleus_radius = 0.5f * mother.nucleus_radius,
        };
        angle += SYNTH_PI;
    }
}

/* A random cell in interphase well inside the image; -1: none found. */
static int pick_inside(const synth_scene *scene, hpac_random *random)
{
    for (int tries = 0; tries < 40 && scene->cell_count > 0; tries++) {
        int index = synth_count(random, 0, scene->cell_count - 1);
        const synth_cell *cell = &scene->cells[index];
        float away = synth_max(fabsf(cell->x - SYNTH_SIDE / 2), fabsf(cell->y - SYNTH_SIDE / 2));
        if (cell->phase == SYNTH_INTERPHASE && away < SYNTH_SIDE / 2 - 40.0f)
            return index;
    }
    return -1;
}

static void divide_some(synth_scene *scene, uint32_t labels, hpac_random *random)
{
    int pairs = synth_chance(random, 0.12f), plates = synth_chance(random, 0.25f), index;
    if (labels >> SYNTH_SPINDLE & 1)
        plates = synth_count(random, 2, 4);
    if (labels >> SYNTH_BRIDGE & 1)
        pairs = synth_count(random, 2, 3);
    for (int i = 0; i < pairs && (index = pick_inside(scene, random)) >= 0; i++)
        divide(scene, index, i + 1, random);
    for (int i = 0; i < plates && (index = pick_inside(scene, random)) >= 0; i++) {
        synth_cell *cell = &scene->cells[index]; /* round and small */
        cell->phase = SYNTH_METAPHASE;
        cell->radius = 1.35f * cell->nucleus_radius;
        cell->axis = synth_between(random, 0.0f, SYNTH_PI);
    }
}

/* ---- pixels ---- */

/* A pixel goes to the cell of which it is nearest to the middle, as a share of the outline's
 * radius. So cells that stand alone keep their shape, and those that touch share a border. */
#define OUTER 1.12f    /* shares beyond which a cell is not considered */
#define TOUCHING 1.06f /* a neighbour whose share is below touches */
#define NOWHERE 9.0f

/* atan2 to 1e-3, a quarter of its time (Hastings, "Approximations for digital computers", 1955). */
static float direction_of(float dx, float dy)
{
    float x = fabsf(dx), y = fabsf(dy), low = synth_min(x, y), high = synth_max(x, y);
    float t = high > 0.0f ? low / high : 0.0f, t2 = t * t;
    float angle =
        t * (0.9998660f +
             t2 * (-0.3302995f + t2 * (0.1801410f - t2 * 0.0851330f + t2 * t2 * 0.0208351f)));
    angle = y > x ? SYNTH_PI / 2.0f - angle : angle;
    angle = dx < 0.0f ? SYNTH_PI - angle : angle;
    return dy < 0.0f ? -angle : angle;
}

/* Lets a cell claim the pixels left .. right - 1 of a row. A pixel's `depth` is the nearest cell's
 * share so far, `gap` the second's. */
static SYNTH_VECTORS void claim_row(synth_scene *scene, int index, int row, int left, int right)
{
    const synth_cell *cell = &scene->cells[index];
    synth_pixel *pixels = &scene->pixels[(size_t)row * (size_t)scene->size];
    const synth_noise *noise = scene->noise;
    int side = noise->side, first = row % side * side, at = left % side;
    float ragged = cell->phase == SYNTH_INTERPHASE ? scene->culture.ragged : 0.0f;
    float scale = scene->scale, y = ((float)row + 0.5f) / scale, dy = y - cell->y;
    float shares[HPAC_SYNTH_MAX_SIZE], insides[HPAC_SYNTH_MAX_SIZE];
    /* Broad noise bends outlines; it is the same for all cells, so that borders agree. */
    for (int col = left; col < right; col++, at = at + 1 < side ? at + 1 : 0)
        insides[col] =
            0.6f * noise[SYNTH_COARSE].values[first + at] + noise[SYNTH_BROAD].values[first + at];
    for (int col = left; col < right; col++) {
        float dx = ((float)col + 0.5f) / scale - cell->x;
        float share =
            sqrtf(dx * dx + dy * dy) / synth_outline_at(cell->outline, direction_of(dx, dy));
        /* cppcheck-suppress uninitvar */
        shares[col] = share + share * ragged * insides[col];
    }
    /* Pixels too far away even beside its nucleus. */
    /* cppcheck-suppress uninitvar */
    while (left < right && 0.45f * shares[left] >= TOUCHING)
        left++;
    while (left < right && 0.45f * shares[right - 1] >= TOUCHING)
        right--;
    dy = y - cell->nucleus_y;
    for (int col = left; col < right; col++) {
        float dx = ((float)col + 0.5f) / scale - cell->nucleus_x;
        insides[col] = synth_outline_at(cell->nucleus_outline, direction_of(dx, dy)) -
                       sqrtf(dx * dx + dy * dy);
        /* The surroundings of a nucleus belong to its cell, whichever other is near. */
        shares[col] *= 0.45f + 0.55f * synth_ramp(-insides[col], 0.0f, 10.0f);
    }
    for (int col = left; col < right; col++) {
        synth_pixel *pixel = &pixels[col];
        if (shares[col] < synth_min(pixel->depth, TOUCHING)) {
            pixel->gap = pixel->depth;
            pixel->depth = shares[col];
            pixel->owner = index + 1;
            pixel->inside = cell->phase == SYNTH_METAPHASE ? -SYNTH_FAR : insides[col];
        } else if (shares[col] < synth_min(pixel->gap, TOUCHING))
            pixel->gap = shares[col];
    }
}

static void claim_pixels(synth_scene *scene, int index)
{
    const synth_cell *cell = &scene->cells[index];
    float reach = 0.0f, limit = (float)scene->size;
    for (int i = 0; i < SYNTH_ANGLES; i++)
        reach = synth_max(reach, OUTER * cell->outline[i]);
    int top = (int)synth_max((cell->y - reach) * scene->scale, 0.0f);
    int bottom = (int)synth_min((cell->y + reach) * scene->scale, limit);
    int left = (int)synth_max((cell->x - reach) * scene->scale, 0.0f);
    int right = (int)synth_min((cell->x + reach) * scene->scale, limit);
    for (int row = top; row < bottom; row++)
        claim_row(scene, index, row, left, right);
}

/* Turns shares into lengths. */
static void measure(const synth_scene *scene, synth_pixel *pixel)
{
    float first = pixel->depth, second = pixel->gap;
    pixel->depth = -SYNTH_FAR;
    pixel->gap = SYNTH_FAR;
    if (pixel->owner == 0)
        return;
    float radius = 0.9f * scene->cells[pixel->owner - 1].radius;
    float gap = 0.5f * (second - first) * radius;
    pixel->depth = synth_min((1.0f - first) * radius, first < 1.0f ? gap : 0.0f);
    if (second < TOUCHING && first < 1.03f)
        pixel->gap = gap;
    if (first >= 1.0f) {
        pixel->owner = 0;
        pixel->inside = -SYNTH_FAR;
    }
}

/* 0 .. 1, soft-edged. */
static float nucleolus_at(const synth_scene *scene, const synth_cell *cell, float x, float y)
{
    float light = 0.0f;
    for (int n = 0; n < cell->nucleolus_count; n++) {
        float dx = x - cell->nucleoli[n].x, dy = y - cell->nucleoli[n].y;
        float r = cell->nucleoli[n].radius, soft = 0.35f * r + 0.5f / scene->scale;
        float here = synth_ramp(r + soft - sqrtf(dx * dx + dy * dy), 0.0f, 2.0f * soft);
        light = synth_max(light, here);
    }
    return light;
}

static void map_pixels(synth_scene *scene)
{
    size_t count = (size_t)scene->size * (size_t)scene->size;
    for (size_t p = 0; p < count; p++)
        scene->pixels[p] = (synth_pixel){.depth = NOWHERE, .gap = NOWHERE, .inside = -SYNTH_FAR};
    for (int i = 0; i < scene->cell_count; i++)
        claim_pixels(scene, i);
    for (int row = 0; row < scene->size; row++)
        for (int col = 0; col < scene->size; col++) {
            synth_pixel *pixel = &scene->pixels[row * scene->size + col];
            measure(scene, pixel);
            if (pixel->inside > 0.0f)
                pixel->nucleolus = nucleolus_at(scene, &scene->cells[pixel->owner - 1],
                                                ((float)col + 0.5f) / scene->scale,
                                                ((float)row + 0.5f) / scene->scale);
        }
}

/* ---- the scene ---- */

hpac_status synth_scene_init(synth_scene *scene, int size)
{
    *scene = (synth_scene){.size = size, .scale = (float)size / SYNTH_SIDE};
    size_t count = (size_t)size * (size_t)size, side = (size_t)size / 2;
    scene->pixels = malloc(count * sizeof *scene->pixels);
    bool complete = scene->pixels != NULL;
    for (int grain = 0; grain < SYNTH_GRAINS; grain++) {
        scene->noise[grain].side = (int)side;
        scene->noise[grain].values = malloc(side * side * sizeof(float));
        complete = complete && scene->noise[grain].values;
    }
    if (complete)
        return HPAC_OK;
    synth_scene_fini(scene);
    return hpac_fail_memory(count * sizeof *scene->pixels);
}

void synth_scene_fini(synth_scene *scene)
{
    free(scene->pixels);
    for (int grain = 0; grain < SYNTH_GRAINS; grain++)
        free(scene->noise[grain].values);
    *scene = (synth_scene){0};
}

void synth_scene_build(synth_scene *scene, uint64_t seed, uint32_t number, uint32_t labels)
{
    static const float pitches[SYNTH_GRAINS] = {2.0f, 3.2f, 14.0f, 42.0f};
    hpac_random random;
    hpac_random_init(&random, seed, HPAC_PURPOSE_SYNTH, SYNTH_STREAM_NOISE, number);
    for (int grain = 0; grain < SYNTH_GRAINS; grain++)
        synth_noise_fill(&scene->noise[grain], pitches[grain], scene->scale, &random);
    hpac_random_init(&random, seed, HPAC_PURPOSE_SYNTH, SYNTH_STREAM_CELLS, number);
    draw_culture(&scene->culture, labels, &random);
    scene->cell_count = 0;
    place_cells(scene, &random);
    divide_some(scene, labels, &random);
    for (int i = 0; i < scene->cell_count; i++)
        shape_cell(&scene->cells[i], &scene->culture, &random);
    map_pixels(scene);
}

const synth_pixel *synth_pixel_at(const synth_scene *scene, float x, float y)
{
    if (!(x >= 0.0f && y >= 0.0f && x < SYNTH_SIDE && y < SYNTH_SIDE))
        return NULL;
    size_t col = (size_t)(x * scene->scale), row = (size_t)(y * scene->scale);
    size_t last = (size_t)scene->size - 1;
    return &scene->pixels[(row < last ? row : last) * (last + 1) + (col < last ? col : last)];
}

bool synth_pick(const synth_scene *scene, int cell, const synth_range *range, hpac_random *random,
                float *x, float *y)
{
    const synth_cell *c = &scene->cells[cell];
    bool nuclear = range->nucleus_max <= 0.0f, near = !nuclear && range->nucleus_max < SYNTH_ANY;
    for (int tries = 0; tries < 16; tries++) {
        float angle = synth_angle(random), u = hpac_random_uniform(random), away;
        if (near)
            away = synth_outline_at(c->nucleus_outline, angle) + range->nucleus_min +
                   u * (range->nucleus_max - range->nucleus_min);
        else
            away = sqrtf(u) * synth_outline_at(nuclear ? c->nucleus_outline : c->outline, angle);
        *x = (near || nuclear ? c->nucleus_x : c->x) + away * cosf(angle);
        *y = (near || nuclear ? c->nucleus_y : c->y) + away * sinf(angle);
        const synth_pixel *pixel = synth_pixel_at(scene, *x, *y);
        if (pixel && pixel->owner == cell + 1 && pixel->depth >= range->depth_min &&
            pixel->depth <= range->depth_max && -pixel->inside >= range->nucleus_min &&
            -pixel->inside <= range->nucleus_max && (!nuclear || pixel->nucleolus < 0.3f))
            return true;
    }
    return false;
}
