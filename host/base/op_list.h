/* The one list of operators. Each X(op) needs: host/ref/ref_<op>.c with ref_case_<op>,
 * host/ops/<op>.c and cases_<op>.c with clg__op_<op>, cl/<op>.cl where it has kernels of its own.
 */
#ifndef CLG_BASE_OP_LIST_H
#define CLG_BASE_OP_LIST_H

#define CLG_OP_LIST(X) \
    X(gemm)            \
    X(linear)          \
    X(conv2d)          \
    X(deconv2d)        \
    X(batchnorm)       \
    X(activation)      \
    X(maxout)          \
    X(dropout)         \
    X(concat)          \
    X(embedding)       \
    X(resize)          \
    X(loss)            \
    X(mse)             \
    X(mlp)             \
    X(adam)            \
    X(loss_scale)      \
    X(sgd)             \
    X(reduce)          \
    X(parzen)          \
    X(fill)            \
    X(random)          \
    X(system)          \
    X(cast)            \
    X(image)

#endif
