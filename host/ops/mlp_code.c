/* The instructions of cl/mlp.clh for a model: places in a work-item's workspace, and the order of
 * forward, losses and way back. Needs no device. */
#include <string.h>

#include "base/mem.h"
#include "ops/mlp_internal.h"

enum {
    LANES = 16, /* rows of matrices are whole vectors on every device */
    TILE_ROWS = 8,
    CODE_LEN = 16
};
enum { END, LOAD, STORE, PACK, PRODUCT, ACT, GATE, LOSS, SUM, GIVE, DOT, BODY, AGAIN, ZERO };

/* Where a layer's matrices lie in the workspace. */
typedef struct place {
    uint32_t w;      /* [in, out] */
    uint32_t wt;     /* [out, in] */
    uint32_t b;      /* [out] */
    uint32_t y;      /* [ROWS, out] */
    uint32_t dw, db; /* [in, out], or [out, in] if `turned`; [out] */
    bool turned;
} place;

typedef struct writer {
    clg_mlp_code *code;
    uint32_t cap;
    bool failed;
    const clg_mlp_chain *chain[2]; /* G, D */
    place at[2][CLG_MLP_LAYERS_MAX];
    uint32_t z, real, dy[2]; /* dy: gradients of layers' outputs, used in turn */
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

static void put(writer *k, uint32_t op, const uint32_t *word, uint32_t count)
{
    clg_mlp_code *c = k->code;
    if (c->count + CODE_LEN > k->cap) {
        k->failed = true;
        return;
    }
    c->words[c->count] = op;
    memcpy(&c->words[c->count + 1u], word, count * sizeof *word);
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

/* Places of a net's layers, and its weights brought there. */
static void bring_weights(writer *k, uint32_t net, bool learns)
{
    const clg_mlp_chain *chain = k->chain[net];
    for (uint32_t i = 0; i < chain->count; i++) {
        const clg_mlp_layer *l = &chain->layer[i];
        place *p = &k->at[net][i];
        uint32_t in = pad(l->in), out = pad(l->out);
        uint32_t turned = clg__round_up(l->out, TILE_ROWS) * in;
        uint32_t straight = clg__round_up(l->in, TILE_ROWS) * out;
        p->w = take(k, l->in * out);
        p->wt = take(k, l->out * in);
        p->b = take(k, out);
        p->y = take(k, CLG_MLP_ROWS * out);
        p->turned = l->out == 1u || turned < straight; /* a unit's is a row */
        if (learns) {
            uint32_t floats = p->turned ? turned : straight;
            p->dw = take(k, floats);
            p->db = take(k, out);
            PUT(k, ZERO, p->dw, floats);
            PUT(k, ZERO, p->db, out);
        }
        if (l->out > 1u) {
            PUT(k, PACK, net, l->w, l->in, l->out, p->w, out, 0, l->in);
        }
        if (i > 0 || net == 1u || l->out == 1u) { /* nothing goes back to the latents */
            PUT(k, PACK, net, l->w, l->in, l->out, p->wt, in, 1, l->out);
        }
        if (l->bias) {
            PUT(k, PACK, net, l->b, 1, l->out, p->b, out, 0, 1);
        }
    }
}

static void go_forward(writer *k, uint32_t net, uint32_t x)
{
    const clg_mlp_chain *chain = k->chain[net];
    for (uint32_t i = 0; i < chain->count; i++) {
        const clg_mlp_layer *l = &chain->layer[i];
        const place *p = &k->at[net][i];
        if (l->out == 1u) {
            PUT(k, DOT, x, pad(l->in), pad(l->in), p->wt, p->y, pad(l->out), l->bias, p->b);
        } else {
            PUT(k, PRODUCT, x, pad(l->in), 1, p->w, pad(l->out), p->y, pad(l->out), CLG_MLP_ROWS,
                pad(l->out), l->in, 0, l->bias, p->b);
        }
        if (l->act != CLG_ACT_NONE) {
            PUT(k, ACT, p->y, CLG_MLP_ROWS * pad(l->out), (uint32_t)l->act, bits_of(l->slope));
        }
        x = p->y;
    }
}

/* Gradients of a layer's parameters, added to those of the rows before. */
static void learn_layer(writer *k, uint32_t net, uint32_t i, uint32_t x, uint32_t dy)
{
    const clg_mlp_layer *l = &k->chain[net]->layer[i];
    const place *p = &k->at[net][i];
    uint32_t in = pad(l->in), out = pad(l->out);
    if (l->out == 1u) {
        PUT(k, SUM, x, in, p->dw, 1, 1, dy, out);
    } else if (p->turned) {
        PUT(k, PRODUCT, dy, 1, out, x, in, p->dw, in, clg__round_up(l->out, TILE_ROWS), in,
            CLG_MLP_ROWS, 1, 0, 0);
    } else {
        PUT(k, PRODUCT, x, 1, in, dy, out, p->dw, out, clg__round_up(l->in, TILE_ROWS), out,
            CLG_MLP_ROWS, 1, 0, 0);
    }
    if (l->bias) {
        PUT(k, SUM, dy, out, p->db, 1, 0, 0, 0);
    }
}

/* From the gradient of the net's output in k->dy[*turn], which is used up. to_x: the gradient of x
 * is left in k->dy[*turn]. */
static void go_back(writer *k, uint32_t net, uint32_t x, uint32_t *turn, bool learns, bool to_x)
{
    const clg_mlp_chain *chain = k->chain[net];
    for (uint32_t i = chain->count; i-- > 0;) {
        const clg_mlp_layer *l = &chain->layer[i];
        const place *p = &k->at[net][i];
        uint32_t dy = k->dy[*turn];
        if (l->act != CLG_ACT_NONE) {
            PUT(k, GATE, p->y, dy, CLG_MLP_ROWS * pad(l->out), (uint32_t)l->act, bits_of(l->slope));
        }
        if (learns) {
            learn_layer(k, net, i, i > 0 ? k->at[net][i - 1u].y : x, dy);
        }
        if (i > 0 || to_x) {
            *turn = 1u - *turn;
            PUT(k, PRODUCT, dy, pad(l->out), 1, p->wt, pad(l->in), k->dy[*turn], pad(l->in),
                CLG_MLP_ROWS, pad(l->in), l->out, 0, 0, 0);
        }
    }
}

static void give_gradients(writer *k, uint32_t net)
{
    const clg_mlp_chain *chain = k->chain[net];
    for (uint32_t i = 0; i < chain->count; i++) {
        const clg_mlp_layer *l = &chain->layer[i];
        const place *p = &k->at[net][i];
        PUT(k, GIVE, net, p->dw, pad(p->turned ? l->in : l->out), p->turned, l->in, l->out, l->w);
        if (l->bias) {
            PUT(k, GIVE, net, p->db, pad(l->out), 0, 1, l->out, l->b);
        }
    }
}

/* Loss of D's logits as they are now, and its gradient into dy[0]. */
static void take_loss(writer *k, enum clg_loss_role role, uint32_t slot, float weight, float target)
{
    const clg_mlp_chain *d = k->chain[1];
    uint32_t stride = pad(d->layer[d->count - 1u].out);
    PUT(k, LOSS, k->at[1][d->count - 1u].y, stride, k->dy[0], stride, (uint32_t)role, slot,
        bits_of(weight), bits_of(target));
}

static void write_pass(writer *k, const clg_mlp *m, uint32_t nets)
{
    const clg_mlp_layer *last = &m->g.layer[m->g.count - 1u];
    bool of_d = (nets & CLG_MLP_OF_D) != 0, of_g = (nets & CLG_MLP_OF_G) != 0;
    uint32_t turn = 0;
    bring_weights(k, 0, of_g);
    bring_weights(k, 1, of_d);
    uint32_t fake = k->at[0][m->g.count - 1u].y;
    PUT(k, BODY, 0);
    PUT(k, LOAD, 0, k->z, m->g.layer[0].in, pad(m->g.layer[0].in));
    go_forward(k, 0, k->z);
    PUT(k, STORE, fake, last->out, pad(last->out));
    if (of_d) {
        PUT(k, LOAD, 1, k->real, last->out, pad(last->out));
        go_forward(k, 1, k->real);
        take_loss(k, CLG_LOSS_OF_REAL, 0, m->weight_real, m->target);
        go_back(k, 1, k->real, &turn, true, false);
    }
    go_forward(k, 1, fake);
    if (of_d) {
        turn = 0;
        take_loss(k, CLG_LOSS_OF_FAKE, 1, m->weight_fake, m->target);
        go_back(k, 1, fake, &turn, true, false);
    }
    if (of_g) {
        turn = 0;
        take_loss(k, CLG_LOSS_OF_G, of_d ? 2 : 0, m->weight_g, 1.0f);
        go_back(k, 1, fake, &turn, false, true);
        go_back(k, 0, k->z, &turn, true, false);
    }
    PUT(k, AGAIN, 0);
    for (uint32_t net = 0; net < 2u; net++) {
        if (net == 0 ? of_g : of_d) {
            give_gradients(k, net);
        }
    }
    PUT(k, END, 0);
}

static uint32_t widest(const clg_mlp *m)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < m->g.count + m->d.count; i++) {
        const clg_mlp_layer *l = i < m->g.count ? &m->g.layer[i] : &m->d.layer[i - m->g.count];
        most = l->in > most ? l->in : most;
        most = l->out > most ? l->out : most;
    }
    return pad(most);
}

int clg__mlp_code_make(const clg_mlp *m, uint32_t nets, clg_mlp_code *out)
{
    enum { INSTRUCTIONS_EACH = 24, INSTRUCTIONS_MORE = 16 };
    writer k = { .code = out, .chain = { &m->g, &m->d } };
    const clg_mlp_layer *last = &m->g.layer[m->g.count - 1u];
    *out = (clg_mlp_code){ 0 };
    if (m->g.count == 0 || m->g.count > CLG_MLP_LAYERS_MAX || m->d.count == 0 ||
        m->d.count > CLG_MLP_LAYERS_MAX || m->d.layer[0].in != last->out ||
        m->d.layer[m->d.count - 1u].out != 1u) {
        return clg__fail(CLG_E_INTERNAL, "mlp: G of %u layers gives %u values, D of %u takes %u",
                         m->g.count, last->out, m->d.count, m->d.layer[0].in);
    }
    k.cap = CODE_LEN * (INSTRUCTIONS_EACH * (m->g.count + m->d.count) + INSTRUCTIONS_MORE);
    out->words = clg__alloc(k.cap, sizeof *out->words);
    if (out->words == NULL) {
        return CLG_E_MEMORY;
    }
    k.z = take(&k, CLG_MLP_ROWS * pad(m->g.layer[0].in));
    k.real = take(&k, CLG_MLP_ROWS * pad(last->out));
    k.dy[0] = take(&k, CLG_MLP_ROWS * widest(m));
    k.dy[1] = take(&k, CLG_MLP_ROWS * widest(m));
    write_pass(&k, m, nets);
    if (k.failed) {
        clg__mlp_code_free(out);
        return clg__fail(CLG_E_INTERNAL, "mlp: the code of %u and %u layers is too long",
                         m->g.count, m->d.count);
    }
    return CLG_OK;
}

void clg__mlp_code_free(clg_mlp_code *code)
{
    clg__free(code->words);
    *code = (clg_mlp_code){ 0 };
}
