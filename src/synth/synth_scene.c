/* Cells: what those of an image have in common, where they lie, the shape of each, and to which
 * cell each pixel belongs. */
#include "synth_scene.h"

/* What the cells of an image have in common, as one cell line under one microscope. Ranges are set
 * by eye and by the number of nuclei in the competition's images (8 to 80). */
typedef struct culture {
    float nucleus_radius, cell_ratio, elongation, align, waves;
    float coverage; /* sum of the cells' areas by the image's */
    float clumping; /* share of cells beside another */
    float spread;   /* of the protein from cell to cell */
} culture;

static culture draw_culture(uint32_t labels, hpac_random *random)
{
    culture made;
    bool spindly = synth_chance(random, 0.3f);
    made.nucleus_radius = 24.0f * synth_spread(random, 0.2f);
    made.cell_ratio = synth_between(random, 1.7f, 2.6f);
    made.elongation = synth_between(random, spindly ? 1.4f : 1.05f, spindly ? 2.8f : 1.7f);
    made.align = hpac_random_uniform(random);
    made.waves = synth_between(random, 0.04f, spindly ? 0.2f : 0.08f);
    made.coverage = synth_between(random, 0.22f, spindly ? 0.9f : 1.25f);
    made.clumping = hpac_random_uniform(random);
    made.spread = synth_between(random, 0.1f, 0.5f);
    if (labels >> SYNTH_BRIDGE & 1 || labels >> SYNTH_SPINDLE & 1)
        made.coverage = synth_max(made.coverage, 0.7f);
    if (labels >> SYNTH_JUNCTIONS & 1) {
        made.coverage = synth_between(random, 1.2f, 1.5f);
        made.clumping = 1.0f;
        made.waves = 0.03f;
        made.elongation = synth_between(random, 1.05f, 1.4f);
    }
    return made;
}

static void shape_outline(synth_outline *outline, float elongation, float axis, float waves,
                          hpac_random *random)
{
    float stretch = sqrtf(elongation), x = cosf(axis), y = sinf(axis);
    outline->long_x = x / stretch;
    outline->long_y = y / stretch;
    outline->short_x = -y * stretch;
    outline->short_y = x * stretch;
    for (int wave = 0; wave < SYNTH_WAVES; wave++) {
        outline->even[wave] = synth_jitter(random, waves / (float)(wave + 1));
        outline->odd[wave] = synth_jitter(random, waves / (float)(wave + 1));
    }
}

static void place_nucleoli(synth_cell *cell, hpac_random *random)
{
    const synth_outline *nucleus = &cell->nucleus;
    cell->nucleolus_count = synth_count(random, 1, SYNTH_MAX_NUCLEOLI);
    for (int n = 0; n < cell->nucleolus_count; n++) {
        float angle = synth_between(random, 0.0f, 2.0f * SYNTH_PI), x = cosf(angle),
              y = sinf(angle);
        float away = 0.65f * sqrtf(hpac_random_uniform(random)) * synth_outline_at(nucleus, x, y);
        cell->nucleoli[n].x = nucleus->x + away * x;
        cell->nucleoli[n].y = nucleus->y + away * y;
        cell->nucleoli[n].radius = nucleus->radius * synth_between(random, 0.1f, 0.24f);
    }
}

/* Everything of a cell that follows from its position, axis, phase and radii. */
static void shape_cell(synth_cell *cell, const culture *common, hpac_random *random)
{
    bool interphase = cell->phase == SYNTH_INTERPHASE;
    float elongation = interphase ? common->elongation * synth_spread(random, 0.12f) : 1.15f;
    float shift = interphase ? 0.12f * cell->body.radius : 0.0f;
    cell->nucleus.x = cell->body.x + synth_jitter(random, shift);
    cell->nucleus.y = cell->body.y + synth_jitter(random, shift);
    shape_outline(&cell->body, elongation, cell->axis, interphase ? common->waves : 0.015f, random);
    float axis = cell->axis + synth_jitter(random, 0.4f),
          oblong = synth_min(sqrtf(elongation), 1.25f);
    if (cell->phase == SYNTH_DAUGHTER) { /* nuclei flattened across the axis */
        axis = cell->axis + SYNTH_PI / 2.0f;
        oblong = 1.6f;
    }
    oblong *= synth_between(random, 1.0f, 1.25f);
    shape_outline(&cell->nucleus, oblong, axis, 0.015f, random);

    float side = cell->axis + synth_jitter(random, 1.0f), x = cosf(side), y = sinf(side);
    float away = synth_outline_at(&cell->nucleus, x, y) + synth_between(random, 2.0f, 6.0f);
    cell->center_x = cell->nucleus.x + away * x;
    cell->center_y = cell->nucleus.y + away * y;
    cell->dyes[SYNTH_DNA] = synth_spread(random, 0.2f) * (interphase ? 1.0f : 1.5f);
    cell->dyes[SYNTH_REFERENCE] = synth_spread(random, 0.25f);
    cell->dyes[SYNTH_PROTEIN] = synth_spread(random, common->spread);
    if (interphase)
        place_nucleoli(cell, random);
}

/* Cells are no closer than this share of their radii, so that nuclei never touch. */
static bool has_room(const synth_scene *scene, float x, float y, float radius)
{
    for (int i = 0; i < scene->cell_count; i++) {
        const synth_outline *other = &scene->cells[i].body;
        if (hypotf(x - other->x, y - other->y) < 0.64f * (radius + other->radius))
            return false;
    }
    float low = -radius, high = SYNTH_SIDE + radius; /* cells lie across the border, too */
    return x >= low && y >= low && x <= high && y <= high;
}

static synth_cell *add_cell(synth_scene *scene, synth_phase phase, float x, float y, float radius,
                            float nucleus_radius, float axis)
{
    synth_cell *cell = &scene->cells[scene->cell_count++];
    *cell = (synth_cell){.phase = phase,
                         .axis = axis,
                         .body = {.x = x, .y = y, .radius = radius},
                         .nucleus.radius = nucleus_radius};
    return cell;
}

/* Places dividing cells well inside the image. */
static void place_dividing(synth_scene *scene, const culture *common, hpac_random *random)
{
    int pairs = synth_chance(random, 0.12f), plates = synth_chance(random, 0.25f);
    if (scene->labels >> SYNTH_SPINDLE & 1)
        plates = synth_count(random, 2, 4);
    if (scene->labels >> SYNTH_BRIDGE & 1)
        pairs = synth_count(random, 2, 3);
    for (int tries = 80; tries > 0 && pairs + plates > 0; tries--) {
        float size = common->nucleus_radius * synth_spread(random, 0.14f);
        float x = synth_between(random, 50.0f, SYNTH_SIDE - 50.0f);
        float y = synth_between(random, 50.0f, SYNTH_SIDE - 50.0f);
        float axis = synth_between(random, 0.0f, 2.0f * SYNTH_PI);
        float apart = size * synth_between(random, 1.3f, 1.65f);
        if (!has_room(scene, x, y, 3.0f * size))
            continue;
        if (pairs > 0) {
            float dx = apart * cosf(axis), dy = apart * sinf(axis), other = axis + SYNTH_PI;
            add_cell(scene, SYNTH_DAUGHTER, x - dx, y - dy, size, 0.5f * size, axis)->apart = apart;
            add_cell(scene, SYNTH_DAUGHTER, x + dx, y + dy, size, 0.5f * size, other)->apart =
                apart;
            pairs--;
        } else {
            add_cell(scene, SYNTH_METAPHASE, x, y, 1.35f * size, size, axis);
            plates--;
        }
    }
}

static void place_cells(synth_scene *scene, const culture *common, hpac_random *random)
{
    float typical = common->nucleus_radius * common->cell_ratio, side = SYNTH_SIDE + 2.0f * typical;
    float wanted = common->coverage * side * side / (SYNTH_PI * typical * typical);
    int max = (int)synth_min(wanted, SYNTH_MAX_CELLS);
    float main_axis = synth_between(random, 0.0f, SYNTH_PI);
    for (int tries = 25 * max; tries > 0 && scene->cell_count < max; tries--) {
        float growth = synth_spread(random, 0.14f), radius = typical * growth;
        float x = synth_between(random, -radius, SYNTH_SIDE + radius);
        float y = synth_between(random, -radius, SYNTH_SIDE + radius);
        if (scene->cell_count > 0 && synth_chance(random, common->clumping)) { /* beside another */
            const synth_cell *other = &scene->cells[synth_count(random, 0, scene->cell_count - 1)];
            float angle = synth_between(random, 0.0f, 2.0f * SYNTH_PI);
            float away = (radius + other->body.radius) * synth_between(random, 0.66f, 0.85f);
            x = other->body.x + away * cosf(angle);
            y = other->body.y + away * sinf(angle);
        }
        float nucleus_radius = common->nucleus_radius * sqrtf(growth) * synth_spread(random, 0.07f);
        float axis = main_axis + synth_jitter(random, 1.8f * (1.0f - common->align) + 0.1f);
        if (has_room(scene, x, y, radius))
            add_cell(scene, SYNTH_INTERPHASE, x, y, radius, nucleus_radius, axis);
    }
}

/* A pixel goes to the cell of which it is nearest to the middle, as a share of the outline's
 * radius. So cells that stand alone keep their shape, and those that touch share a border. */
#define TOUCHING 1.06f /* a neighbor whose share is below touches */
#define NOWHERE 9.0f

/* Lets a cell claim the pixels left .. right - 1 of a row. A pixel's `depth` is the nearest cell's
 * share so far, `gap` the second's. */
static SYNTH_VECTORS void claim_row(synth_scene *scene, int index, int row, int left, int right)
{
    const synth_cell *cell = &scene->cells[index];
    const synth_outline body = cell->body, nucleus = cell->nucleus;
    synth_pixel *pixels = &scene->pixels[row * scene->size];
    const float *noise = &scene->noise[SYNTH_COARSE][row % (scene->size / 2) * scene->size];
    /* Noise bends outlines; it is the same for all cells, so that borders agree. */
    float ragged = cell->phase == SYNTH_INTERPHASE ? 0.05f : 0.0f;
    float y = ((float)row + 0.5f) / scene->scale, pitch = 1.0f / scene->scale;
    float shares[HPAC_SYNTH_MAX_SIZE], insides[HPAC_SYNTH_MAX_SIZE];
    for (int col = left; col < right; col++) { /* no calls: vectorized */
        float x = ((float)col + 0.5f) * pitch, dx = x - body.x, dy = y - body.y;
        float away = sqrtf(dx * dx + dy * dy) + 1e-6f;
        float share = away / synth_outline_at(&body, dx / away, dy / away);
        dx = x - nucleus.x;
        dy = y - nucleus.y;
        away = sqrtf(dx * dx + dy * dy) + 1e-6f;
        float inside = synth_outline_at(&nucleus, dx / away, dy / away) - away;
        /* The surroundings of a nucleus belong to its cell, whichever other is near. */
        shares[col] = (share + share * ragged * noise[col]) *
                      (0.45f + 0.55f * synth_ramp(-inside, 0.0f, 10.0f));
        insides[col] = inside;
    }
    for (int col = left; col < right; col++) {
        synth_pixel *pixel = &pixels[col];
        /* cppcheck-suppress uninitvar */
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
    const synth_outline *body = &scene->cells[index].body;
    float reach = 0.0f, limit = (float)scene->size;
    for (int step = 0; step < 64; step++) {
        float angle = (float)step * (SYNTH_PI / 32.0f);
        reach = synth_max(reach, 1.12f * synth_outline_at(body, cosf(angle), sinf(angle)));
    }
    int top = (int)synth_max((body->y - reach) * scene->scale, 0.0f);
    int bottom = (int)synth_min((body->y + reach) * scene->scale, limit);
    int left = (int)synth_max((body->x - reach) * scene->scale, 0.0f);
    int right = (int)synth_min((body->x + reach) * scene->scale, limit);
    for (int row = top; row < bottom; row++)
        claim_row(scene, index, row, left, right);
}

/* 0 .. 1, soft-edged. */
static float nucleolus_at(const synth_scene *scene, const synth_cell *cell, float x, float y)
{
    float light = 0.0f;
    for (int n = 0; n < cell->nucleolus_count; n++) {
        float away = hypotf(x - cell->nucleoli[n].x, y - cell->nucleoli[n].y);
        float radius = cell->nucleoli[n].radius, soft = 0.35f * radius + 0.5f / scene->scale;
        light = synth_max(light, synth_ramp(radius + soft - away, 0.0f, 2.0f * soft));
    }
    return light;
}

/* Turns the shares of a pixel into lengths. */
static void measure(const synth_scene *scene, synth_pixel *pixel, float x, float y)
{
    float first = pixel->depth, second = pixel->gap;
    pixel->depth = -SYNTH_FAR;
    pixel->gap = SYNTH_FAR;
    if (pixel->owner == 0)
        return;
    const synth_cell *cell = &scene->cells[pixel->owner - 1];
    float radius = 0.9f * cell->body.radius, gap = 0.5f * (second - first) * radius;
    pixel->depth = synth_min((1.0f - first) * radius, first < 1.0f ? gap : 0.0f);
    if (second < TOUCHING && first < 1.03f)
        pixel->gap = gap;
    if (first >= 1.0f) {
        pixel->owner = 0;
        pixel->inside = -SYNTH_FAR;
    }
    if (pixel->inside > 0.0f)
        pixel->nucleolus = nucleolus_at(scene, cell, x, y);
}

static void map_pixels(synth_scene *scene)
{
    for (int p = 0; p < scene->size * scene->size; p++)
        scene->pixels[p] = (synth_pixel){.depth = NOWHERE, .gap = NOWHERE, .inside = -SYNTH_FAR};
    for (int i = 0; i < scene->cell_count; i++)
        claim_pixels(scene, i);
    for (int row = 0; row < scene->size; row++)
        for (int col = 0; col < scene->size; col++)
            measure(scene, &scene->pixels[row * scene->size + col],
                    ((float)col + 0.5f) / scene->scale, ((float)row + 0.5f) / scene->scale);
}

enum { MAX_NODES = 128 }; /* per side: 256 units at the finest pitch of 2 */

/* A quadratic B-spline at `position` nodes into (count + 2) of them. */
static float spline(const float *nodes, float position)
{
    int node = (int)position;
    float t = position - (float)node, first = 0.5f * (1.0f - t) * (1.0f - t), last = 0.5f * t * t;
    return first * nodes[node] + (1.0f - first - last) * nodes[node + 1] + last * nodes[node + 2];
}

static void fill_noise(const synth_scene *scene, float *noise, float pitch, hpac_random *random)
{
    static const float deviation = 0.55f; /* of a quadratic B-spline's sum, in two dimensions */
    int count = (int)(SYNTH_SIDE / 2.0f / pitch), side = scene->size / 2;
    float nodes[MAX_NODES][MAX_NODES + 2], blend[MAX_NODES + 2], step = (float)count / (float)side;
    float fade = synth_min(pitch * scene->scale, 1.0f); /* finer than pixels: averaged away */
    for (int x = 0; x < count; x++) {                   /* (x, y), the first two again at the end */
        for (int y = 0; y < count; y++)
            nodes[x][y] = synth_jitter(random, fade / deviation);
        nodes[x][count] = nodes[x][0];
        nodes[x][count + 1] = nodes[x][1];
    }
    for (int y = 0; y < side; y++, noise += scene->size) {
        for (int x = 0; x < count + 2; x++)
            blend[x] = spline(nodes[x % count], (float)y * step);
        for (int x = 0; x < scene->size; x++)
            noise[x] = x < side ? spline(blend, (float)x * step) : noise[x - side];
    }
}

void synth_scene_build(synth_scene *scene)
{
    static const float pitches[SYNTH_GRAINS] = {2.0f, 3.2f, 14.0f};
    hpac_random random = synth_random(scene, SYNTH_STREAM_NOISE);
    for (int grain = 0; grain < SYNTH_GRAINS; grain++)
        fill_noise(scene, scene->noise[grain], pitches[grain], &random);
    random = synth_random(scene, SYNTH_STREAM_CELLS);
    scene->thinning = 1.0f / synth_between(&random, 18.0f, 80.0f);
    scene->taper = 1.0f / synth_between(&random, 3.0f, 22.0f);
    const culture common = draw_culture(scene->labels, &random);
    place_dividing(scene, &common, &random);
    place_cells(scene, &common, &random);
    for (int i = 0; i < scene->cell_count; i++)
        shape_cell(&scene->cells[i], &common, &random);
    map_pixels(scene);
}
