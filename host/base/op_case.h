/* One test case of one operator pass, as text that re-runs it:
 *     "conv2d fwd n=2 h=8 w=8 c=3 k=5 r=4 s=4 stride=2 pad=1 act=2"
 * The same line serves the tests, `clgan selftest` and `clgan bench op`. */
#ifndef CLG_BASE_OP_CASE_H
#define CLG_BASE_OP_CASE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/philox.h"
#include "base/status.h"

enum { CLG_CASE_KEYS = 16, CLG_CASE_TENSORS = 10 };

typedef struct clg_case {
    char op[16], pass[24];
    uint32_t count;
    struct {
        char key[16];
        double value;
    } arg[CLG_CASE_KEYS];
} clg_case;

/* CLG_E_USAGE with the place of the fault. `keys` (NULL-ended) are the allowed ones; NULL: any. */
int clg__case_parse(clg_case *out, const char *text, const char *const *keys);
double clg__case_get(const clg_case *c, const char *key, double otherwise);
uint32_t clg__case_u32(const clg_case *c, const char *key, uint32_t otherwise);
/* Of the keys seed (1), stream (that of tests), step (0) and lane (0). */
clg_rng_key clg__case_key(const clg_case *c);

/* How inputs are made. */
enum clg_case_fill {
    CLG_FILL_NORMAL,   /* N(0,1) */
    CLG_FILL_SMALL_INT,/* integers -2..2: sums are exact in float, so results must be equal */
    CLG_FILL_POSITIVE, /* U(.5, 1.5): variances */
    CLG_FILL_UNIT,     /* U(-.95, .95): outputs of tanh */
    CLG_FILL_U8        /* bytes */
};

/* What a case needs and may err: lengths in elements. */
typedef struct clg_case_plan {
    uint32_t inputs, outputs;
    struct {
        const char *name; /* static: "x", "w" */
        uint64_t len;
        bool is_u8;
        bool is_stored; /* of the type that key `store` names: 0 float, 1 half, 2 bfloat16 */
        enum clg_case_fill fill;
    } in[CLG_CASE_TENSORS];
    struct {
        const char *name;
        uint64_t len;
        bool is_u8;
        bool is_stored;
        bool inout;  /* starts as the input of the same name */
        /* Before the rounding of the storage, which is the runner's business:
           |got - want| <= rtol * |want| + atol + stol * (root mean square of want) */
        double rtol, atol, stol;
    } out[CLG_CASE_TENSORS];
    double terms;        /* the outputs are sums of so many products, which may be of tf32; 0: others */
    double flops, bytes; /* of the pass, for reports */
} clg_case_plan;

#endif
