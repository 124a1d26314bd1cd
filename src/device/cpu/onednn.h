/*
 * oneDNN, versions 2.2 to 3: the only file that knows versions apart.
 *
 * The device is written for oneDNN 3, where a memory descriptor is a handle and an operation's
 * primitive descriptor is made by one call. For oneDNN 2 the calls that it lacks are defined here
 * by those that it has; what they do is documented in oneDNN 3's dnnl.h.
 */
#ifndef HPAC_DEVICE_CPU_ONEDNN_H
#define HPAC_DEVICE_CPU_ONEDNN_H

#include <dnnl.h>

#if DNNL_VERSION_MAJOR >= 3

/* A memory descriptor; NULL: none. */
typedef dnnl_memory_desc_t cpu_desc;
typedef const_dnnl_memory_desc_t const_cpu_desc;

static inline dnnl_status_t cpu_append_relu(dnnl_post_ops_t ops)
{
    return dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_relu, 0.0F, 0.0F);
}

#else

#include <stdlib.h>

typedef dnnl_memory_desc_t *cpu_desc;
typedef const dnnl_memory_desc_t *const_cpu_desc;

static inline dnnl_status_t cpu_append_relu(dnnl_post_ops_t ops)
{
    return dnnl_post_ops_append_eltwise(ops, 1.0F, dnnl_eltwise_relu, 0.0F, 0.0F);
}

static inline dnnl_status_t dnnl_memory_desc_destroy(cpu_desc desc)
{
    free(desc);
    return dnnl_success;
}

static inline dnnl_status_t dnnl_memory_desc_clone(cpu_desc *desc, const_cpu_desc other)
{
    *desc = malloc(sizeof **desc);
    if (!*desc)
        return dnnl_out_of_memory;
    **desc = *other;
    return dnnl_success;
}

static inline dnnl_status_t dnnl_memory_desc_create_with_tag(cpu_desc *desc, int ndims,
                                                             const dnnl_dims_t dims,
                                                             dnnl_data_type_t type,
                                                             dnnl_format_tag_t tag)
{
    dnnl_memory_desc_t made;
    dnnl_status_t status = dnnl_memory_desc_init_by_tag(&made, ndims, dims, type, tag);
    return status == dnnl_success ? dnnl_memory_desc_clone(desc, &made) : status;
}

static inline dnnl_status_t dnnl_memory_desc_create_with_strides(cpu_desc *desc, int ndims,
                                                                 const dnnl_dims_t dims,
                                                                 dnnl_data_type_t type,
                                                                 const dnnl_dims_t strides)
{
    dnnl_memory_desc_t made;
    dnnl_status_t status = dnnl_memory_desc_init_by_strides(&made, ndims, dims, type, strides);
    return status == dnnl_success ? dnnl_memory_desc_clone(desc, &made) : status;
}

/* The second step of those that follow, after oneDNN 2 described the pass. */
static inline dnnl_status_t cpu_create(dnnl_status_t described, const void *pass,
                                       dnnl_primitive_desc_t *made, dnnl_engine_t engine,
                                       const_dnnl_primitive_desc_t forward,
                                       const_dnnl_primitive_attr_t attributes)
{
    return described == dnnl_success
               ? dnnl_primitive_desc_create(made, pass, attributes, engine, forward)
               : described;
}

static inline dnnl_status_t dnnl_convolution_forward_primitive_desc_create(
    dnnl_primitive_desc_t *made, dnnl_engine_t engine, dnnl_prop_kind_t kind,
    dnnl_alg_kind_t algorithm, const_cpu_desc x, const_cpu_desc w, const_cpu_desc b,
    const_cpu_desc y, const dnnl_dims_t strides, const dnnl_dims_t dilations,
    const dnnl_dims_t padding, const dnnl_dims_t padding_end,
    const_dnnl_primitive_attr_t attributes)
{
    dnnl_convolution_desc_t pass;
    return cpu_create(dnnl_dilated_convolution_forward_desc_init(&pass, kind, algorithm, x, w, b, y,
                                                                 strides, dilations, padding,
                                                                 padding_end),
                      &pass, made, engine, NULL, attributes);
}

static inline dnnl_status_t dnnl_convolution_backward_weights_primitive_desc_create(
    dnnl_primitive_desc_t *made, dnnl_engine_t engine, dnnl_alg_kind_t algorithm, const_cpu_desc x,
    const_cpu_desc dw, const_cpu_desc db, const_cpu_desc dy, const dnnl_dims_t strides,
    const dnnl_dims_t dilations, const dnnl_dims_t padding, const dnnl_dims_t padding_end,
    const_dnnl_primitive_desc_t forward, const_dnnl_primitive_attr_t attributes)
{
    dnnl_convolution_desc_t pass;
    return cpu_create(
        dnnl_dilated_convolution_backward_weights_desc_init(
            &pass, algorithm, x, dw, db, dy, strides, dilations, padding, padding_end),
        &pass, made, engine, forward, attributes);
}

static inline dnnl_status_t dnnl_convolution_backward_data_primitive_desc_create(
    dnnl_primitive_desc_t *made, dnnl_engine_t engine, dnnl_alg_kind_t algorithm, const_cpu_desc dx,
    const_cpu_desc w, const_cpu_desc dy, const dnnl_dims_t strides, const dnnl_dims_t dilations,
    const dnnl_dims_t padding, const dnnl_dims_t padding_end, const_dnnl_primitive_desc_t forward,
    const_dnnl_primitive_attr_t attributes)
{
    dnnl_convolution_desc_t pass;
    return cpu_create(dnnl_dilated_convolution_backward_data_desc_init(
                          &pass, algorithm, dx, w, dy, strides, dilations, padding, padding_end),
                      &pass, made, engine, forward, attributes);
}

static inline dnnl_status_t dnnl_inner_product_forward_primitive_desc_create(
    dnnl_primitive_desc_t *made, dnnl_engine_t engine, dnnl_prop_kind_t kind, const_cpu_desc x,
    const_cpu_desc w, const_cpu_desc b, const_cpu_desc y, const_dnnl_primitive_attr_t attributes)
{
    dnnl_inner_product_desc_t pass;
    return cpu_create(dnnl_inner_product_forward_desc_init(&pass, kind, x, w, b, y), &pass, made,
                      engine, NULL, attributes);
}

static inline dnnl_status_t dnnl_inner_product_backward_weights_primitive_desc_create(
    dnnl_primitive_desc_t *made, dnnl_engine_t engine, const_cpu_desc x, const_cpu_desc dw,
    const_cpu_desc db, const_cpu_desc dy, const_dnnl_primitive_desc_t forward,
    const_dnnl_primitive_attr_t attributes)
{
    dnnl_inner_product_desc_t pass;
    return cpu_create(dnnl_inner_product_backward_weights_desc_init(&pass, x, dw, db, dy), &pass,
                      made, engine, forward, attributes);
}

static inline dnnl_status_t dnnl_inner_product_backward_data_primitive_desc_create(
    dnnl_primitive_desc_t *made, dnnl_engine_t engine, const_cpu_desc dx, const_cpu_desc w,
    const_cpu_desc dy, const_dnnl_primitive_desc_t forward, const_dnnl_primitive_attr_t attributes)
{
    dnnl_inner_product_desc_t pass;
    return cpu_create(dnnl_inner_product_backward_data_desc_init(&pass, dx, w, dy), &pass, made,
                      engine, forward, attributes);
}

static inline dnnl_status_t dnnl_pooling_forward_primitive_desc_create(
    dnnl_primitive_desc_t *made, dnnl_engine_t engine, dnnl_prop_kind_t kind,
    dnnl_alg_kind_t algorithm, const_cpu_desc x, const_cpu_desc y, const dnnl_dims_t strides,
    const dnnl_dims_t window, const dnnl_dims_t dilations, const dnnl_dims_t padding,
    const dnnl_dims_t padding_end, const_dnnl_primitive_attr_t attributes)
{
    dnnl_pooling_v2_desc_t pass;
    return cpu_create(dnnl_pooling_v2_forward_desc_init(&pass, kind, algorithm, x, y, strides,
                                                        window, dilations, padding, padding_end),
                      &pass, made, engine, NULL, attributes);
}

static inline dnnl_status_t dnnl_pooling_backward_primitive_desc_create(
    dnnl_primitive_desc_t *made, dnnl_engine_t engine, dnnl_alg_kind_t algorithm, const_cpu_desc dx,
    const_cpu_desc dy, const dnnl_dims_t strides, const dnnl_dims_t window,
    const dnnl_dims_t dilations, const dnnl_dims_t padding, const dnnl_dims_t padding_end,
    const_dnnl_primitive_desc_t forward, const_dnnl_primitive_attr_t attributes)
{
    dnnl_pooling_v2_desc_t pass;
    return cpu_create(dnnl_pooling_v2_backward_desc_init(&pass, algorithm, dx, dy, strides, window,
                                                         dilations, padding, padding_end),
                      &pass, made, engine, forward, attributes);
}

static inline dnnl_status_t
dnnl_eltwise_forward_primitive_desc_create(dnnl_primitive_desc_t *made, dnnl_engine_t engine,
                                           dnnl_prop_kind_t kind, dnnl_alg_kind_t algorithm,
                                           const_cpu_desc x, const_cpu_desc y, float alpha,
                                           float beta, const_dnnl_primitive_attr_t attributes)
{
    dnnl_eltwise_desc_t pass;
    (void)y; /* as x */
    return cpu_create(dnnl_eltwise_forward_desc_init(&pass, kind, algorithm, x, alpha, beta), &pass,
                      made, engine, NULL, attributes);
}

static inline dnnl_status_t dnnl_eltwise_backward_primitive_desc_create(
    dnnl_primitive_desc_t *made, dnnl_engine_t engine, dnnl_alg_kind_t algorithm, const_cpu_desc dx,
    const_cpu_desc dy, const_cpu_desc data, float alpha, float beta,
    const_dnnl_primitive_desc_t forward, const_dnnl_primitive_attr_t attributes)
{
    dnnl_eltwise_desc_t pass;
    (void)dx; /* as dy */
    return cpu_create(dnnl_eltwise_backward_desc_init(&pass, algorithm, dy, data, alpha, beta),
                      &pass, made, engine, forward, attributes);
}

#endif

#endif
