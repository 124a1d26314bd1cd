# Mistakes with cuDNN and cuBLAS that the simulator reports: each is made in one run of a program, and
# left out in another that must work. Exit codes: 3 for a call that was refused, as the real library
# would; 96 for leaks and 97 for what it would not notice.

CUDASIM=${CUDASIM:-$BATS_TEST_DIRNAME/../../build/cudasim}
FAULTS=$CUDASIM/library_faults

# reports NAME EXIT-CODE TEXT: the mistake is reported with this text; without it the run works.
reports() {
    run "$FAULTS" "$1"
    [[ $status -eq $2 && $output == *"$3"* ]] || {
        printf 'exit code %s, wanted %s and "%s":\n%s\n' "$status" "$2" "$3" "$output"
        return 1
    }
    run "$FAULTS" "$1" right
    [[ $status -eq 0 && -z $output ]] || {
        printf 'without the mistake: exit code %s: %s\n' "$status" "$output"
        return 1
    }
}

@test "a workspace one byte short" {
    reports short_workspace 3 "a workspace of 1371 bytes, 1372 are needed"
}

@test "no workspace where one is needed" {
    reports no_workspace 3 "no workspace, 1372 bytes are needed"
}

@test "a workspace that is reported to be larger than its block" {
    reports workspace_too_large 97 "workspace: 5468 bytes wanted"
}

@test "a workspace asked for with another math type" {
    reports workspace_of_another_math 3 "a workspace of 332 bytes, 1372 are needed"
}

@test "a workspace that lies over the output" {
    reports workspace_over_output 97 "overlap"
}

@test "a filter in another layout than the images" {
    reports filter_layout 3 "NOT_SUPPORTED_LAYOUT: cudnnConvolutionForward: layouts are mixed: x NHWC, filter NCHW, y NHWC"
}

@test "the same when the workspace is asked for" {
    reports filter_layout_in_query 3 "NOT_SUPPORTED_LAYOUT: cudnnGetConvolutionForwardWorkspaceSize: layouts are mixed"
}

@test "a filter of (channels, filters)" {
    reports filter_order 3 "BAD_PARAM: cudnnConvolutionForward: x, filter and convolution do not fit"
}

@test "a filter in bf16 beside images in float32" {
    reports data_type 3 "NOT_SUPPORTED_DATA_TYPE: cudnnConvolutionForward: data types are mixed"
}

@test "an output of a wrong size" {
    reports output_size 3 "y is (2, 8, 8, 6), the convolution gives (2, 8, 6, 6)"
}

@test "a batch of 0 (the real cuDNN refuses it)" {
    reports empty_batch 3 "refused: cudnnSetTensor4dDescriptor: CUDNN_STATUS_BAD_PARAM"
}

@test "an algorithm that does not know the layout" {
    reports algorithm_for_layout 3 "NOT_SUPPORTED: cudnnConvolutionForward: algorithm 6: it does not know NHWC"
}

@test "the same when its workspace is asked for" {
    reports algorithm_for_layout_in_query 3 "NOT_SUPPORTED: cudnnGetConvolutionForwardWorkspaceSize: algorithm 6: it does not know NHWC"
}

@test "an input that is not aligned to 16 bytes" {
    reports misaligned 97 "is misaligned: it must be a multiple of 16 bytes"
}

@test "an output in too small a block" {
    reports small_output 97 "y: 2304 bytes wanted"
}

@test "an input that was freed" {
    reports freed_input 97 "of the freed 2048 bytes"
}

@test "an input in the host's memory" {
    reports host_input 97 "pinned host memory where device memory is wanted"
}

@test "input and output in one place" {
    reports same_input_and_output 97 "overlap"
}

@test "a bias of a wrong shape" {
    reports bias_shape 3 "the bias is (1, 4, 1, 1), not (1, 8, 1, 1)"
}

@test "a bias in bf16 beside images in float32" {
    reports bias_type 3 "the bias is not of y's data type"
}

@test "a z that is not like y" {
    reports z_shape 3 "the descriptors of z and y do not match"
}

@test "no activation with an algorithm that needs one" {
    reports identity_algorithm 3 "IDENTITY wants IMPLICIT_PRECOMP_GEMM"
}

@test "a fused activation that would propagate NaN" {
    reports nan_option 3 "the activation must not propagate NaN"
}

@test "a fused activation that is not ReLU" {
    reports other_activation 3 "the activation is neither RELU nor IDENTITY"
}

@test "a descriptor never destroyed" {
    reports leaked_descriptor 96 "LEAK: 1 cuDNN filter descriptors never destroyed"
}

@test "a handle never destroyed" {
    reports leaked_handle 96 "LEAK: 1 cuDNN handles never destroyed"
}

@test "a handle that was destroyed" {
    reports destroyed_handle 97 "is no cuDNN handle, or one that was destroyed"
}

@test "a handle without a stream" {
    reports no_stream 97 "cudnnConvolutionForward on the NULL stream"
}

@test "a first use inside a capture" {
    reports first_use_in_capture 97 "first use of this shape and algorithm inside a capture"
}

@test "a measurement inside a capture" {
    reports find_in_capture 97 "inside a capture: it waits and measures"
}

@test "a captured product without a workspace" {
    reports gemm_capture_without_workspace 97 "inside a capture without a workspace"
}

@test "a workspace that cublasSetStream took away" {
    reports stream_after_workspace 97 "inside a capture without a workspace"
}

@test "a leading dimension of A that is too small" {
    reports lda_too_small 3 "cublasSgemm: lda is too small"
}

@test "a leading dimension of B that is too small" {
    reports ldb_too_small 3 "cublasSgemm: ldb is too small"
}

@test "a leading dimension of C that is too small" {
    reports ldc_too_small 3 "cublasSgemm: ldc is too small"
}

@test "a leading dimension that leads out of the block" {
    reports lda_too_large 97 "A: 4016 bytes wanted"
}

@test "a misaligned workspace of cuBLAS" {
    reports gemm_workspace_misaligned 3 "it must be a multiple of 256 bytes"
}

@test "a workspace of cuBLAS that was freed" {
    reports gemm_workspace_short_lived 97 "of the freed 4096 bytes"
}

@test "a misaligned matrix in bf16" {
    reports bf16_misaligned 97 "A at"
}

@test "a product of float32 and bf16" {
    reports mixed_gemm 3 "refused: cublasGemmEx: CUBLAS_STATUS_NOT_SUPPORTED"
}

@test "a product written over its factor" {
    reports gemm_in_place 97 "overlap"
}

# ---- arithmetic ----------------------------------------------------------------------------------

@test "convolutions and products are those of nested loops in double" {
    run "$CUDASIM/unit"
    [[ $status -eq 0 ]] || {
        printf '%s\n' "$output"
        return 1
    }
}

# ---- algorithms that are taken away --------------------------------------------------------------

@test "an algorithm that CUDASIM_CUDNN_REFUSE names is not supported, others are" {
    CUDASIM_CUDNN_REFUSE=bwddata1,fwd1 run "$FAULTS" short_workspace right
    [[ $status -eq 3 && $output == *"NOT_SUPPORTED"*"CUDASIM_CUDNN_REFUSE names it"* ]]
    CUDASIM_CUDNN_REFUSE=bwddata1,fwd10,fwd run "$FAULTS" short_workspace right
    [[ $status -eq 0 ]]
}

@test "the fused call can be taken away, too" {
    CUDASIM_CUDNN_REFUSE=biasact run "$FAULTS" bias_shape right
    [[ $status -eq 3 && $output == *"NOT_SUPPORTED"*"CUDASIM_CUDNN_REFUSE names it"* ]]
    CUDASIM_CUDNN_REFUSE=biasact run "$FAULTS" short_workspace right
    [[ $status -eq 0 ]]
}
