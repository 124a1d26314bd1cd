/* Cells: what a culture's cells have in common, where they settle, and the shape of each. */
#include "synth_paint.h"

#include <math.h>
#include <string.h>

/* Ranges judged by eye and by the number of nuclei in the competition's images (8 to 80). */
static void draw_culture(synth_culture *culture, uint32_t labels, hpac_random *random)
{
    bool spindly = hpac_random_uniform(random) < 0.3f;
    culture->nucleus_radius = 24.0f * synth_spread(random, 0.2f);
    culture->cell_ratio = synth_between(random, 1.7f, 2.6f);
    culture->elongation =
        spindly ? synth_between(random, 1.4f, 2.8f) : synth_between(random, 1.05f, 1.7f);
    culture->align = hpac_random_uniform(random);
    culture->spikes = spindly ? synth_between(random, 0.4f, 1.0f) : synth_between(random, 0, 0.15f);
    culture->ragged = synth_between(random, 0.02f, 0.09f);
    culture->coverage = synth_between(random, 0.22f, spindly ? 0.9f : 1.25f);
    culture->clumping = hpac_random_uniform(random);
    culture->waviness = synth_between(random, 0.05f, 0.3f);
    culture->filaments = synth_between(random, 0.6f, 1.3f);
    culture->reticulum = synth_between(random, 18.0f, 80.0f);
    culture->taper = synth_between(random, 3.0f, 22.0f);
    culture->chromatin = synth_between(random, 0.05f, 0.3f);
    culture->nuclear_er = synth_between(random, 0.04f, 0.3f);
    culture->spread = synth_between(random, 0.1f, 0.5f);
    bool dividing = labels >> SYNTH_BRIDGE & 1 || labels >> SYNTH_SPINDLE & 1;
    if (dividing && culture->coverage < 0.7f)
        culture->coverage = 0.7f;
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
    unsigned index = (unsigned)place;
    float rest = place - (float)index;
    float low = outline[index % SYNTH_ANGLES], high = outline[(index + 1) % SYNTH_ANGLES];
    return low + rest * (high - low);
}

/* An ellipse with a few waves around it, of mean radius about `radius`. */
static void draw_outline(float outline[SYNTH_ANGLES], float radius, float elongation, float axis,
                         float waves, hpac_random *random)
{
    float height[4], phase[4];
    for (int wave = 0; wave < 4; wave++) {
        height[wave] = synth_jitter(random, waves / (float)(wave + 1));
        phase[wave] = synth_between(random, 0.0f, 2.0f * SYNTH_PI);
    }
    float along = radius * sqrtf(elongation), across = radius / sqrtf(elongation);
    for (int i = 0; i < SYNTH_ANGLES; i++) {
        float angle = (float)i * (2.0f * SYNTH_PI / SYNTH_ANGLES);
        float u = cosf(angle - axis) / along, v = sinf(angle - axis) / across;
        float factor = 1.0f;
        for (int wave = 0; wave < 4; wave++)
            factor += height[wave] * cosf((float)(wave + 2) * angle + phase[wave]);
        outline[i] = factor / sqrtf(u * u + v * v);
    }
}

/* The processes of a spindly cell: sharp peaks of the outline, two of them along its axis. */
static void grow_spikes(synth_cell *cell, float amount, hpac_random *random)
{
    int count = (int)(synth_between(random, 0.0f, 4.9f) * amount);
    for (int spike = 0; spike < count; spike++) {
        float angle = spike < 2 ? cell->axis + SYNTH_PI * (float)spike + synth_jitter(random, 0.3f)
                                : synth_between(random, 0.0f, 2.0f * SYNTH_PI);
        float height = amount * synth_between(random, 0.5f, 1.6f);
        float width = synth_between(random, 0.15f, 0.35f);
        for (int i = 0; i < SYNTH_ANGLES; i++) {
            float away = fabsf(
                remainderf((float)i * (2.0f * SYNTH_PI / SYNTH_ANGLES) - angle, 2.0f * SYNTH_PI));
            cell->outline[i] *= 1.0f + height * expf(-away / width);
        }
    }
}

static void place_nucleoli(synth_cell *cell, hpac_random *random)
{
    int wanted = 1 + (int)hpac_random_below(random, 5);
    cell->nucleolus_count = 0;
    for (int i = 0; i < wanted && i < SYNTH_MAX_NUCLEOLI; i++) {
        float angle = synth_between(random, 0.0f, 2.0f * SYNTH_PI);
        float away = 0.65f * sqrtf(hpac_random_uniform(random));
        float reach = away * synth_outline_at(cell->nucleus_outline, angle);
        int n = cell->nucleolus_count++;
        cell->nucleoli[n].x = cell->nucleus_x + reach * cosf(angle);
        cell->nucleoli[n].y = cell->nucleus_y + reach * sinf(angle);
        cell->nucleoli[n].radius = cell->nucleus_radius * synth_between(random, 0.1f, 0.24f);
    }
}

/* Everything of a cell that follows from its place, axis, phase and mean radius. */
static void shape_cell(synth_cell *cell, const synth_culture *culture, hpac_random *random)
{
    float waves = 0.09f, elongation = culture->elongation * synth_spread(random, 0.12f);
    if (cell->phase != SYNTH_INTERPHASE) {
        waves = 0.03f;
        elongation = cell->phase == SYNTH_METAPHASE ? 1.08f : 1.2f;
    }
    draw_outline(cell->outline, cell->radius, elongation, cell->axis, waves, random);
    if (cell->phase == SYNTH_INTERPHASE)
        grow_spikes(cell, culture->spikes, random);

    float nucleus_axis = cell->axis + synth_jitter(random, 0.4f);
    float shift = cell->phase == SYNTH_INTERPHASE ? 0.12f * cell->radius : 0.0f;
    cell->nucleus_x = cell->x + synth_jitter(random, shift);
    cell->nucleus_y = cell->y + synth_jitter(random, shift);
    float longest = sqrtf(elongation) < 1.25f ? sqrtf(elongation) : 1.25f;
    if (cell->phase == SYNTH_DAUGHTER) { /* nuclei flattened across the axis */
        nucleus_axis = cell->axis + SYNTH_PI / 2.0f;
        longest = 1.6f;
    }
    draw_outline(cell->nucleus_outline, cell->nucleus_radius,
                 longest * synth_between(random, 1.0f, 1.25f), nucleus_axis, 0.05f, random);

    float side = cell->axis + synth_jitter(random, 1.0f);
    float away = synth_outline_at(cell->nucleus_outline, side) + synth_between(random, 2.0f, 6.0f);
    cell->centre_x = cell->nucleus_x + away * cosf(side);
    cell->centre_y = cell->nucleus_y + away * sinf(side);
    cell->dna = synth_spread(random, 0.2f) * (cell->phase == SYNTH_INTERPHASE ? 1.0f : 1.5f);
    cell->stain = synth_spread(random, 0.25f);
    cell->protein = synth_spread(random, culture->spread);
    cell->nucleolus_count = 0;
    if (cell->phase == SYNTH_INTERPHASE)
        place_nucleoli(cell, random);
}

/* Cells may not come nearer than this share of their radii, so that nuclei never touch. */
static bool has_room(const synth_scene *scene, float x, float y, float radius)
{
    for (int i = 0; i < scene->cell_count; i++) {
        const synth_cell *other = &scene->cells[i];
        float dx = x - other->x, dy = y - other->y, least = 0.64f * (radius + other->radius);
        if (dx * dx + dy * dy < least * least)
            return false;
    }
    return true;
}

/* A try at a place: anywhere, or beside a cell that is there already. */
static void propose(const synth_scene *scene, float radius, hpac_random *random, float *x, float *y)
{
    float margin = radius;
    if (scene->cell_count > 0 && hpac_random_uniform(random) < scene->culture.clumping) {
        const synth_cell *other =
            &scene->cells[hpac_random_below(random, (uint32_t)scene->cell_count)];
        float angle = synth_between(random, 0.0f, 2.0f * SYNTH_PI);
        float away = (radius + other->radius) * synth_between(random, 0.66f, 0.85f);
        *x = other->x + away * cosf(angle);
        *y = other->y + away * sinf(angle);
    } else {
        *x = synth_between(random, -margin, SYNTH_SIDE + margin);
        *y = synth_between(random, -margin, SYNTH_SIDE + margin);
    }
}

static void settle(synth_scene *scene, hpac_random *random)
{
    const synth_culture *culture = &scene->culture;
    float typical = culture->nucleus_radius * culture->cell_ratio;
    float side = SYNTH_SIDE + 2.0f * typical;
    float wanted = culture->coverage * side * side / (SYNTH_PI * typical * typical);
    int most = wanted < 200.0f ? (int)wanted : 200; /* leaves room for daughters */
    float main_axis = synth_between(random, 0.0f, SYNTH_PI);
    for (int tries = 25 * most; tries > 0 && scene->cell_count < most; tries--) {
        synth_cell *cell = &scene->cells[scene->cell_count];
        float growth = synth_spread(random, 0.14f), x, y;
        float radius = typical * growth;
        propose(scene, radius, random, &x, &y);
        if (x < -radius || y < -radius || x > SYNTH_SIDE + radius || y > SYNTH_SIDE + radius ||
            !has_room(scene, x, y, radius))
            continue;
        *cell = (synth_cell){.x = x, .y = y, .radius = radius};
        cell->nucleus_radius =
            culture->nucleus_radius * sqrtf(growth) * synth_spread(random, 0.07f);
        cell->axis = main_axis + synth_jitter(random, 1.8f * (1.0f - culture->align) + 0.1f);
        scene->cell_count++;
    }
}

static void remove_cell(synth_scene *scene, int index)
{
    scene->cells[index] = scene->cells[--scene->cell_count];
}

/* Turns a cell into one in metaphase: round and small. */
static void enter_metaphase(synth_cell *cell, hpac_random *random)
{
    cell->phase = SYNTH_METAPHASE;
    cell->radius = 1.35f * cell->nucleus_radius;
    cell->axis = synth_between(random, 0.0f, SYNTH_PI);
}

/* Splits a cell into two daughters, a little apart; whoever is in the way goes. */
static void divide(synth_scene *scene, int index, int pair, hpac_random *random)
{
    synth_cell mother = scene->cells[index];
    float angle = synth_between(random, 0.0f, 2.0f * SYNTH_PI),
          radius = 0.95f * mother.nucleus_radius;
    float away = radius * synth_between(random, 1.35f, 1.75f);
    float dx = cosf(angle), dy = sinf(angle);
    remove_cell(scene, index);
    for (int i = scene->cell_count - 1; i >= 0; i--) {
        const synth_cell *other = &scene->cells[i];
        float reach = away + 1.2f * radius + 0.55f * other->radius;
        float x = other->x - mother.x, y = other->y - mother.y;
        if (other->phase != SYNTH_DAUGHTER && x * x + y * y < reach * reach)
            remove_cell(scene, i);
    }
    if (scene->cell_count + 2 > SYNTH_MAX_CELLS)
        return;
    for (int twin = 0; twin < 2; twin++) {
        float sign = twin ? -1.0f : 1.0f;
        synth_cell *cell = &scene->cells[scene->cell_count++];
        *cell = (synth_cell){.phase = SYNTH_DAUGHTER, .pair = pair, .radius = radius};
        cell->x = mother.x + sign * away * dx;
        cell->y = mother.y + sign * away * dy;
        cell->axis = twin ? angle : angle + SYNTH_PI;
        cell->nucleus_radius = 0.5f * mother.nucleus_radius;
    }
}

/* Picks a cell in interphase that lies well inside the image; -1 if there is none. */
static int pick_inside(const synth_scene *scene, hpac_random *random)
{
    for (int tries = 0; tries < 40 && scene->cell_count > 0; tries++) {
        int index = (int)hpac_random_below(random, (uint32_t)scene->cell_count);
        const synth_cell *cell = &scene->cells[index];
        float margin = 40.0f, limit = SYNTH_SIDE - margin;
        if (cell->phase == SYNTH_INTERPHASE && cell->x > margin && cell->y > margin &&
            cell->x < limit && cell->y < limit)
            return index;
    }
    return -1;
}

static void divide_some(synth_scene *scene, uint32_t labels, hpac_random *random)
{
    int plates = hpac_random_uniform(random) < 0.25f;
    int pairs = hpac_random_uniform(random) < 0.12f;
    if (labels >> SYNTH_SPINDLE & 1)
        plates = 2 + (int)hpac_random_below(random, 3);
    if (labels >> SYNTH_BRIDGE & 1)
        pairs = 2 + (int)hpac_random_below(random, 2);
    for (int i = 0, index; i < pairs && (index = pick_inside(scene, random)) >= 0; i++)
        divide(scene, index, i + 1, random);
    for (int i = 0, index; i < plates && (index = pick_inside(scene, random)) >= 0; i++)
        enter_metaphase(&scene->cells[index], random);
}

void synth_scene_build(synth_scene *scene, uint64_t seed, uint32_t number, uint32_t labels)
{
    static const float pitches[SYNTH_GRAINS] = {2.0f, 3.2f, 14.0f, 42.0f};
    hpac_random random;
    for (int grain = 0; grain < SYNTH_GRAINS; grain++) {
        hpac_random_init(&random, seed, HPAC_PURPOSE_SYNTH, (uint32_t)(SYNTH_PART_NOISE + grain),
                         number);
        synth_noise_fill(&scene->noise[grain], pitches[grain], scene->scale, &random);
    }
    hpac_random_init(&random, seed, HPAC_PURPOSE_SYNTH, SYNTH_PART_CULTURE, number);
    draw_culture(&scene->culture, labels, &random);
    hpac_random_init(&random, seed, HPAC_PURPOSE_SYNTH, SYNTH_PART_CELLS, number);
    scene->cell_count = 0;
    settle(scene, &random);
    divide_some(scene, labels, &random);
    for (int i = 0; i < scene->cell_count; i++)
        shape_cell(&scene->cells[i], &scene->culture, &random);
    synth_scene_map(scene);
}
