/* Multiply-add peak of a device: 12 independent chains of fma in registers, nothing else.
 *
 * y[item * lanes ...] receives the sums so that the work cannot be removed; values converge to a
 * finite number (a = 0.5, so x -> 0.5 x + b). `iterations` rounds of 12 fma per item.
 * CPU: 1 work-item per group, VW lanes; the chains and both constants are 14 registers of a machine that
 * may have 16. GPU: 64 per group, 1 lane. No local memory. -D: VW 4|8|16 (16) */
#ifndef VW
#define VW 16
#endif
#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)

#define ROUND(v) \
    v##0 = fma(v##0, a, b); v##1 = fma(v##1, a, b); v##2 = fma(v##2, a, b); \
    v##3 = fma(v##3, a, b); v##4 = fma(v##4, a, b); v##5 = fma(v##5, a, b); \
    v##6 = fma(v##6, a, b); v##7 = fma(v##7, a, b); v##8 = fma(v##8, a, b); \
    v##9 = fma(v##9, a, b); v##A = fma(v##A, a, b); v##B = fma(v##B, a, b);

#define BODY(T) \
    T a = (T)(0.5f), b = (T)(1.0f + (float)id); \
    T x0 = b, x1 = b + 1, x2 = b + 2, x3 = b + 3, x4 = b + 4, x5 = b + 5; \
    T x6 = b + 6, x7 = b + 7, x8 = b + 8, x9 = b + 9, xA = b + 10, xB = b + 11; \
    for (uint i = 0; i < iterations; i++) { \
        ROUND(x) \
    } \
    T sum = ((x0 + x1) + (x2 + x3)) + ((x4 + x5) + (x6 + x7)) + ((x8 + x9) + (xA + xB));

__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void peak_fma_cpu(__global float *y, uint y_off, uint iterations)
{
    size_t id = get_global_id(0);
    BODY(CAT(float, VW))
    CAT(vstore, VW)(sum, id, y + y_off);
}

__kernel void peak_fma_gpu(__global float *y, uint y_off, uint iterations)
{
    size_t id = get_global_id(0);
    BODY(float)
    y[y_off + id] = sum;
}
