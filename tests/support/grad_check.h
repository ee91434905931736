/* Gradients against central differences in double precision. */
#ifndef CLG_TESTS_GRAD_CHECK_H
#define CLG_TESTS_GRAD_CHECK_H

#include <stddef.h>
#include <stdint.h>

#define GRAD_EPS 1e-6
#define GRAD_ATOL 1e-5
#define GRAD_RTOL 1e-3

typedef double (*grad_loss_fn)(void *ctx);

/* n doubles N(0,1) from Philox (seed, CLG_STREAM_TEST); the caller frees them. Fails the test when
 * there is no memory. */
double *grad_random(uint64_t n, uint64_t seed);

/* For the n parameters p, which loss(ctx) reads: grad[i] must be the derivative of loss by p[i],
 * |numeric - grad| <= GRAD_ATOL + GRAD_RTOL * |numeric|. Of more than `most` parameters only
 * evenly spread ones are tried. Fails the test with `what` and the index; also when all gradients
 * are (nearly) zero, which would check nothing. */
void grad_check(const char *what, grad_loss_fn loss, void *ctx, double *p, const double *grad,
                uint64_t n, uint64_t most);

/* Weighted sum, the loss that turns a tensor into one number. */
double grad_dot(const double *a, const double *b, uint64_t n);

#endif
