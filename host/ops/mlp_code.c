/* The instructions of cl/mlp.clh for a pair of nets: places in the workspace, and the order of
 * forward, losses, way back and sums of the parameters. Needs no device. */
#include <string.h>

#include "base/mem.h"
#include "ops/mlp_internal.h"

enum {
    LANES = 16, /* rows of matrices are whole vectors on every device */
    WEIGHT_ROWS = 8, /* in cl/mlp_product.clh */
    CODE_LEN = 16,
    ROWS = CLG_MLP_ROWS
};
enum { END, PACK, BODY, AGAIN, LOAD, STORE, LINEAR, DOT, ACT, GATE, LOSS, BACK, /* rows' phase */
       WEIGHTS, SUM, GIVE, GAP, LOSSES, ADAM };
enum { IN_ALL, IN_MINE, IN_G, IN_D, NOWHERE };
#define EACH 0xffffffffu
enum { REAL, FAKE, OF_G, GROUPS }; /* of D's rows; OF_G: gradients of G's loss on the fakes */

/* A matrix of values: [.., stride]. */
typedef struct matrix {
    uint32_t in, at, stride;
} matrix;

/* A layer's matrices. y and dy have all rows of the batch, D's for each of the groups. */
typedef struct place {
    matrix w, b;             /* to read: in the slab or packed */
    uint32_t y, dy[GROUPS];
} place;

typedef struct writer {
    clg_mlp_code *code; /* without words: they are counted */
    const clg_mlp_chain *chain[2]; /* G, D */
    place at[2][CLG_MLP_LAYERS_MAX];
    uint32_t rows;                 /* of the batch, in whole blocks */
    uint32_t z, images;            /* images: D's input, real rows and then the fakes */
    uint32_t turned_dy, turned_dx; /* of a block */
    uint32_t losses, loss_floats;  /* of each block */
    uint32_t owner;                /* of the next layer that is not shared out */
} writer;

static uint32_t pad(uint32_t n)
{
    return clg__round_up(n, LANES);
}

static uint32_t take(writer *k, uint32_t floats)
{
    uint32_t at = k->code->ws;
    k->code->ws += pad(floats);
    return at;
}

static uint32_t take_mine(writer *k, uint32_t floats)
{
    uint32_t at = k->code->mine;
    k->code->mine += pad(floats);
    return at;
}

static void put(writer *k, uint32_t op, const uint32_t *word, uint32_t count)
{
    clg_mlp_code *c = k->code;
    if (c->words != NULL) {
        c->words[c->count] = op;
        memcpy(&c->words[c->count + 1u], word, count * sizeof *word);
    }
    c->count += CODE_LEN;
}
#define PUT(k, op, ...)                                                                            \
    put(k, op, (const uint32_t[]){ __VA_ARGS__ },                                                  \
        (uint32_t)(sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t)))

static uint32_t bits_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

static uint32_t slab_of(uint32_t net)
{
    return net == 0 ? IN_G : IN_D;
}

/* A parameter [rows, cols] as the products read it: where it lies if that is in whole vectors (and,
 * for the way back, whole vectors of rows), or packed by each work-item. */
static matrix bring(writer *k, uint32_t net, uint32_t from, uint32_t rows, uint32_t cols,
                    uint32_t fill)
{
    matrix m = { .in = slab_of(net), .at = from, .stride = pad(cols) };
    if (cols != m.stride || rows != fill) {
        m.in = IN_MINE;
        m.at = take_mine(k, fill * m.stride);
        PUT(k, PACK, slab_of(net), from, rows, cols, m.at, m.stride, fill);
    }
    return m;
}

/* A layer of one unit has its weights as a row. */
static void bring_weights(writer *k, uint32_t net)
{
    const clg_mlp_chain *chain = k->chain[net];
    for (uint32_t i = 0; i < chain->count; i++) {
        const clg_mlp_layer *l = &chain->layer[i];
        place *p = &k->at[net][i];
        bool goes_back = i > 0 || net == 1u; /* nothing goes back to the latents */
        p->w = l->out == 1u ? bring(k, net, l->w, 1, l->in, 1)
                            : bring(k, net, l->w, l->in, l->out, goes_back ? pad(l->in) : l->in);
        p->b = (matrix){ .in = NOWHERE };
        if (l->bias && l->out == 1u) {
            p->b = (matrix){ .in = slab_of(net), .at = l->b };
        } else if (l->bias) {
            p->b = bring(k, net, l->b, 1, l->out, 1);
        }
    }
}

/* Places of all rows. G's last layer writes the second half of D's input. */
static void place_rows(writer *k)
{
    uint32_t widest = 0;
    k->z = take(k, k->rows * pad(k->chain[0]->layer[0].in));
    k->images = take(k, 2u * k->rows * pad(k->chain[1]->layer[0].in));
    for (uint32_t net = 0; net < 2u; net++) {
        const clg_mlp_chain *chain = k->chain[net];
        for (uint32_t i = 0; i < chain->count; i++) {
            place *p = &k->at[net][i];
            uint32_t out = pad(chain->layer[i].out), in = pad(chain->layer[i].in);
            bool fakes = net == 0 && i + 1u == chain->count;
            p->y = fakes ? k->images + k->rows * out : take(k, (net + 1u) * k->rows * out);
            p->dy[REAL] = take(k, (net == 0 ? 1u : GROUPS) * k->rows * out);
            for (uint32_t group = 1; group < GROUPS; group++) {
                p->dy[group] = p->dy[0] + (net == 0 ? 0 : group * k->rows * out);
            }
            widest = widest > out ? widest : out;
            widest = widest > in ? widest : in;
        }
    }
    k->turned_dy = take_mine(k, ROWS * widest);
    k->turned_dx = take_mine(k, ROWS * widest);
}

/* Rows of a group of what goes into a layer, or comes out of it. G has the one group. */
static uint32_t output_of(const writer *k, uint32_t net, uint32_t i, uint32_t group)
{
    uint32_t out = pad(k->chain[net]->layer[i].out);
    return k->at[net][i].y + (net == 1u && group != REAL ? k->rows * out : 0u);
}

static uint32_t input_of(const writer *k, uint32_t net, uint32_t i, uint32_t group)
{
    if (i > 0) {
        return output_of(k, net, i - 1u, group);
    }
    return net == 0         ? k->z
           : group == REAL ? k->images
                            : k->images + k->rows * pad(k->chain[1]->layer[0].in);
}

static void go_forward(writer *k, uint32_t net, uint32_t group)
{
    const clg_mlp_chain *chain = k->chain[net];
    for (uint32_t i = 0; i < chain->count; i++) {
        const clg_mlp_layer *l = &chain->layer[i];
        const place *p = &k->at[net][i];
        uint32_t x = input_of(k, net, i, group), y = output_of(k, net, i, group);
        if (l->out == 1u) {
            PUT(k, DOT, x, pad(l->in), y, pad(l->out), p->w.in, p->w.at, p->b.in, p->b.at);
        } else {
            PUT(k, LINEAR, x, pad(l->in), y, pad(l->out), p->w.in, p->w.at, p->w.stride, l->in,
                p->b.in, p->b.at);
        }
        if (l->act != CLG_ACT_NONE) {
            PUT(k, ACT, y, pad(l->out), (uint32_t)l->act, bits_of(l->slope));
        }
    }
}

/* From the gradient of the net's output to those of all layers' outputs, and from D on to that of the
 * fakes if asked for. */
static void go_back(writer *k, uint32_t net, uint32_t group, bool to_fakes)
{
    const clg_mlp_chain *chain = k->chain[net];
    for (uint32_t i = chain->count; i-- > 0;) {
        const clg_mlp_layer *l = &chain->layer[i];
        const place *p = &k->at[net][i];
        uint32_t dy = p->dy[group];
        if (l->act != CLG_ACT_NONE) {
            PUT(k, GATE, dy, pad(l->out), output_of(k, net, i, group), (uint32_t)l->act,
                bits_of(l->slope));
        }
        if (i == 0 && !to_fakes) {
            return;
        }
        uint32_t dx = i > 0 ? k->at[net][i - 1u].dy[group] : k->at[0][k->chain[0]->count - 1u].dy[0];
        if (l->out == 1u) {
            PUT(k, LINEAR, dy, pad(1), dx, pad(l->in), p->w.in, p->w.at, p->w.stride, 1, NOWHERE,
                0);
        } else {
            PUT(k, BACK, dy, pad(l->out), dx, pad(l->in), p->w.in, p->w.at, p->w.stride, l->out,
                k->turned_dy, k->turned_dx);
        }
    }
}

/* Loss of D's logits as they are now, and its gradient. */
static void take_loss(writer *k, enum clg_loss_role role, uint32_t group, uint32_t slot, float weight,
                      float target)
{
    uint32_t last = k->chain[1]->count - 1u;
    PUT(k, LOSS, k->at[1][last].dy[group], pad(1), output_of(k, 1, last, group), k->losses,
        k->loss_floats, slot, (uint32_t)role, bits_of(weight), bits_of(target));
}

static void write_rows(writer *k, const clg_mlp *m, uint32_t nets, bool fakes_are_there)
{
    const clg_mlp_layer *first = &m->g.layer[0], *last = &m->g.layer[m->g.count - 1u];
    bool of_d = (nets & CLG_MLP_OF_D) != 0;
    bring_weights(k, 0);
    bring_weights(k, 1);
    PUT(k, BODY, 0);
    if (!fakes_are_there) {
        PUT(k, LOAD, 0, k->z, pad(first->in), first->in);
        go_forward(k, 0, REAL);
        PUT(k, STORE, output_of(k, 0, m->g.count - 1u, REAL), pad(last->out), last->out);
    }
    if (of_d) {
        PUT(k, LOAD, 1, k->images, pad(last->out), last->out);
        go_forward(k, 1, REAL);
        take_loss(k, CLG_LOSS_OF_REAL, REAL, 0, m->weight_real, m->target);
        go_back(k, 1, REAL, false);
    }
    go_forward(k, 1, FAKE);
    if (of_d) {
        take_loss(k, CLG_LOSS_OF_FAKE, FAKE, 1, m->weight_fake, m->target);
        go_back(k, 1, FAKE, false);
    }
    if ((nets & CLG_MLP_OF_G) != 0) {
        take_loss(k, CLG_LOSS_OF_G, OF_G, of_d ? 2 : 0, m->weight_g, 1.0f);
        go_back(k, 1, OF_G, true);
        go_back(k, 0, REAL, false);
    }
    PUT(k, AGAIN, 0);
    PUT(k, END, 0);
}

/* Gradient of a matrix by sums over rows that end in whole vectors: shared out, each task writes its
 * part where it belongs, and steps it. */
static void sum_in_place(writer *k, uint32_t net, const clg_mlp_layer *l, uint32_t x, uint32_t dy)
{
    uint32_t in = pad(l->in), out = pad(l->out);
    if (l->out == 1u) {
        PUT(k, SUM, EACH, net + 1u, x, in, k->rows * in, 1, dy, out, k->rows * out, slab_of(net),
            l->w);
        PUT(k, ADAM, EACH, slab_of(net), l->w, in / LANES, LANES, in, 0);
    } else {
        bool bands = l->in % WEIGHT_ROWS == 0; /* no row is in two of them */
        PUT(k, WEIGHTS, EACH, net + 1u, x, in, k->rows * in, dy, out, k->rows * out, slab_of(net),
            l->w, out, l->in, out, bands);
        PUT(k, ADAM, EACH, slab_of(net), l->w, clg__ceil_div(l->in, WEIGHT_ROWS), WEIGHT_ROWS * out,
            l->in * out, bands);
    }
}

/* The same by way of the workspace, all by one task. The form with fewer tiles. */
static void sum_and_give(writer *k, uint32_t net, const clg_mlp_layer *l, uint32_t x, uint32_t dy)
{
    uint32_t in = pad(l->in), out = pad(l->out), owner = k->owner++;
    uint32_t in8 = clg__round_up(l->in, WEIGHT_ROWS), out8 = clg__round_up(l->out, WEIGHT_ROWS);
    bool turned = l->out == 1u || out8 * in < in8 * out;
    uint32_t to = take(k, turned ? out8 * in : in8 * out);
    if (l->out == 1u) {
        PUT(k, SUM, owner, net + 1u, x, in, k->rows * in, 1, dy, out, k->rows * out, IN_ALL, to);
    } else if (turned) {
        PUT(k, WEIGHTS, owner, net + 1u, dy, out, k->rows * out, x, in, k->rows * in, IN_ALL, to, in,
            out8, in, 0);
    } else {
        PUT(k, WEIGHTS, owner, net + 1u, x, in, k->rows * in, dy, out, k->rows * out, IN_ALL, to,
            out, in8, out, 0);
    }
    PUT(k, GIVE, owner, to, turned ? in : out, turned, slab_of(net), l->w, l->in, l->out);
    PUT(k, ADAM, owner, slab_of(net), l->w, 1, l->in * l->out, l->in * l->out, 0);
}

static void sum_bias(writer *k, uint32_t net, const clg_mlp_layer *l, uint32_t dy)
{
    uint32_t out = pad(l->out);
    if (l->out == out) {
        PUT(k, SUM, EACH, net + 1u, dy, out, k->rows * out, 0, 0, 0, 0, slab_of(net), l->b);
        PUT(k, ADAM, EACH, slab_of(net), l->b, out / LANES, LANES, out, 0);
        return;
    }
    uint32_t to = take(k, out), owner = k->owner++;
    PUT(k, SUM, owner, net + 1u, dy, out, k->rows * out, 0, 0, 0, 0, IN_ALL, to);
    PUT(k, GIVE, owner, to, out, 0, slab_of(net), l->b, 1, l->out);
    PUT(k, ADAM, owner, slab_of(net), l->b, 1, l->out, l->out, 0);
}

static void close_gap(writer *k, uint32_t net, uint32_t at, uint32_t floats)
{
    if (pad(floats) != floats) {
        PUT(k, GAP, 0, slab_of(net), at + floats, pad(floats) - floats);
    }
}

/* Where the losses of a pass go: pairs of slots. */
static void give_losses(writer *k, const clg_mlp *m, uint32_t nets)
{
    uint32_t from = k->losses;
    if ((nets & CLG_MLP_OF_D) != 0) {
        PUT(k, LOSSES, k->owner, from, k->loss_floats, 2u * m->slot_d, 4);
        from += 4u;
    }
    if ((nets & CLG_MLP_OF_G) != 0) {
        PUT(k, LOSSES, k->owner, from, k->loss_floats, 2u * m->slot_g, 2);
    }
}

static void write_parameters(writer *k, const clg_mlp *m, uint32_t nets)
{
    for (uint32_t net = 2; net-- > 0;) {
        for (uint32_t i = 0; (nets & (net == 1u ? CLG_MLP_OF_D : CLG_MLP_OF_G)) != 0 &&
                             i < k->chain[net]->count;
             i++) {
            const clg_mlp_layer *l = &k->chain[net]->layer[i];
            uint32_t x = input_of(k, net, i, REAL), dy = k->at[net][i].dy[REAL];
            bool whole = l->out == 1u ? l->in % LANES == 0
                                      : l->out % LANES == 0 && l->in >= WEIGHT_ROWS;
            (whole ? sum_in_place : sum_and_give)(k, net, l, x, dy);
            close_gap(k, net, l->w, l->in * l->out);
            if (l->bias) {
                sum_bias(k, net, l, dy);
                close_gap(k, net, l->b, l->out);
            }
        }
    }
    give_losses(k, m, nets);
    PUT(k, END, 0);
}

static int check(const clg_mlp *m)
{
    const clg_mlp_layer *last = &m->g.layer[m->g.count - 1u];
    if (m->g.count == 0 || m->g.count > CLG_MLP_LAYERS_MAX || m->d.count == 0 ||
        m->d.count > CLG_MLP_LAYERS_MAX || m->d.layer[0].in != last->out ||
        m->d.layer[m->d.count - 1u].out != 1u) {
        return clg__fail(CLG_E_INTERNAL, "mlp: G of %u layers gives %u values, D of %u takes %u",
                         m->g.count, last->out, m->d.count, m->d.layer[0].in);
    }
    return CLG_OK;
}

static void write_code(const clg_mlp *m, uint32_t nets, bool fakes_are_there, uint32_t n,
                       clg_mlp_code *out)
{
    writer k = { .code = out, .chain = { &m->g, &m->d }, .rows = clg__round_up(n, ROWS) };
    place_rows(&k);
    k.loss_floats = clg__mlp_losses(nets);
    k.losses = take(&k, k.rows / ROWS * k.loss_floats);
    write_rows(&k, m, nets, fakes_are_there);
    out->second = out->count;
    write_parameters(&k, m, nets);
}

int clg__mlp_code_measure(const clg_mlp *m, uint32_t nets, bool fakes_are_there, uint32_t n,
                          clg_mlp_code *out)
{
    *out = (clg_mlp_code){ 0 };
    int status = check(m);
    if (status == CLG_OK) {
        write_code(m, nets, fakes_are_there, n, out);
    }
    return status;
}

int clg__mlp_code_make(const clg_mlp *m, uint32_t nets, bool fakes_are_there, uint32_t n,
                       clg_mlp_code *out)
{
    int status = clg__mlp_code_measure(m, nets, fakes_are_there, n, out);
    if (status != CLG_OK) {
        return status;
    }
    *out = (clg_mlp_code){ .words = clg__alloc(out->count, sizeof *out->words) };
    if (out->words == NULL) {
        return CLG_E_MEMORY;
    }
    write_code(m, nets, fakes_are_there, n, out);
    return CLG_OK;
}

void clg__mlp_code_free(clg_mlp_code *code)
{
    clg__free(code->words);
    *code = (clg_mlp_code){ 0 };
}
