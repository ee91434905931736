# Read by compare.sh and targets.sh: what clgan, pocl and PyTorch are told when $isa is not the machine's
# own. Not a program.
case ${isa:-} in
"") ;;
avx2)
    export POCL_LLVM_CPU_NAME=haswell POCL_KERNELLIB_NAME=avx2 CLGAN_VECTOR=8
    export POCL_CACHE_DIR=${POCL_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/pocl-avx2}
    export ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 MKL_ENABLE_INSTRUCTIONS=AVX2
    mkdir -p "$POCL_CACHE_DIR"
    ;;
*) echo "${0##*/}: --isa is avx2 or not given, not '$isa'" >&2; exit 2 ;;
esac
