/* Nets under test: small plans, and a net beside its double-precision reference. */
#ifndef CLG_TESTS_SUPPORT_NET_SUPPORT_H
#define CLG_TESTS_SUPPORT_NET_SUPPORT_H

#include "nn/net.h"
#include "ref/ref.h"

/* One context with its GEMM for the whole group; test_ops_done is the group's teardown. */
const clg_ops *test_ops(void);
int test_ops_done(void **state);
/* The same with a cache folder of the group's own, for tests of records of what was measured:
 * set-up and tear-down. The compiled kernels come from the usual cache all the same. */
int test_records_open(void **state);
int test_records_close(void **state);

/* z [n, 10] -> 4x4 -> 8x8 -> 16x16xchannels, as the dcgan preset builds it; its mirror image. */
void test_plan_generator(clg_net_plan *plan, uint32_t channels);
void test_plan_discriminator(clg_net_plan *plan, uint32_t channels);
/* z [n, 10] -> 24 relu -> 6x6xchannels tanh with biases; its mirror image with an lrelu. */
void test_plan_mlp_generator(clg_net_plan *plan, uint32_t channels);
void test_plan_mlp_discriminator(clg_net_plan *plan, uint32_t channels);

/* n floats N(0,1) from (seed, CLG_STREAM_TEST); clg__free them. */
float *test_normal(uint64_t n, uint64_t seed);
double *test_to_double(const float *x, uint64_t n);

/* Copies parameters and running statistics (and moments, if the net has them) to the reference. */
void test_net_to_ref(clg_net *net, ref_net *ref);
/* ||got - want|| / ||want||; a want of zero length counts as 1e-12. */
double test_relative_l2(const float *got, const double *want, uint64_t n);
/* Fails with `what` when the first n floats of a tensor differ by more than `tolerance` in relative
 * L2. */
void test_near(const char *what, clg_tensor got, const double *want, uint64_t n, double tolerance);
/* Fails with the tensor's name when one differs by more than `tolerance`, relative L2. */
void test_net_equals_ref(clg_net *net, ref_net *ref, enum clg_net_kind kind, double tolerance);

#endif
