#!/usr/bin/env bash
# Makes the libraries that ONNX Runtime's CUDA provider loads, in the folder FOLDER: bash build.sh PATH/TO/libonnxruntime_providers_cuda.so FOLDER
# Needs g++ with C++20 and binutils.
set -euo pipefail
so=$(realpath "$1") # libonnxruntime_providers_cuda.so
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$2"
cd "$2"
mk() { echo "$1 { global: *; };" > v.map; g++ -O1 -fPIC -shared -std=c++20 -fvisibility=hidden -Wl,-soname,$1 -Wl,--version-script=v.map $2 -o $1 ${3:-} -ldl; }
mk libcudart.so.13 "$here/cudart.cpp"
nm -D --undefined-only $so | awk '{print $2}' | grep -E '^cublas' | sed 's/@.*//' | sort -u > blas.syms
P='#include <cstring>
#include <cstddef>
extern "C" void standin_blas(const char*);
#define X extern "C" __attribute__((visibility("default")))
static long h=0x5000;'
for lib in libcublas.so.13 libcublasLt.so.13; do
  { echo "$P"; while read n; do case $n in cublasLt*) [ $lib = libcublasLt.so.13 ] || continue;; *) [ $lib = libcublas.so.13 ] || continue;; esac
    case $n in
      cublasCreate_v2|cublasLtCreate|cublasLtMatmulPreferenceCreate) echo "X int $n(void** p){*p=(void*)(h+=16);return 0;}";;
      cublasLt*Create) echo "X int $n(void** p,...){*p=(void*)(h+=16);return 0;}";;
      cublasGetMathMode|cublasGetPointerMode_v2) echo "X int $n(void*,int* m){*m=0;return 0;}";;
      cublasGetStatus*) echo "X const char* $n(int){return \"fake\";}";;
      cublasLtMatmulAlgoGetHeuristic) echo "X int $n(void*,void*,void*,void*,void*,void*,void*,int,void* r,int* c){memset(r,0,96);*c=1;return 0;}";;
      *[Gg]emm*|*Matmul|*geam|*get[rt]*|*scal*|*copy*|*Transform) echo "X int $n(...){standin_blas(\"$n\");return 0;}";;
      *) echo "X int $n(...){return 0;}";; esac; done < blas.syms; } > $lib.cpp
  mk $lib $lib.cpp "-L. -l:libcudart.so.13"
done
echo 'extern "C" __attribute__((visibility("default"))) int curand_none(){return 0;}' > e.cpp; mk libcurand.so.10 e.cpp
cat > drv.cpp <<'D'
#define X extern "C" __attribute__((visibility("default")))
X int cuTensorMapEncodeTiled(...){return 0;} X int cuCtxGetCurrent(void**p){*p=(void*)8;return 0;} X int cuCtxPopCurrent_v2(...){return 0;} X int cuCtxPushCurrent_v2(...){return 0;} X int cuCtxSetCurrent(...){return 0;} X int cuDeviceGet(int*d,int o){*d=o;return 0;}
X int cuDevicePrimaryCtxRelease_v2(...){return 0;} X int cuDevicePrimaryCtxRetain(void**p,int){*p=(void*)8;return 0;} X int cuDeviceTotalMem_v2(unsigned long*b,int){*b=80ul<<30;return 0;} X int cuGetErrorName(int,const char**s){*s="fake";return 0;} X int cuGetErrorString(int,const char**s){*s="fake";return 0;} X int cuInit(unsigned){return 0;} X int cuMemGetInfo_v2(unsigned long*a,unsigned long*b){*a=70ul<<30;*b=80ul<<30;return 0;}
D
g++ -fPIC -shared -std=c++20 -Wl,-soname,libcuda.so.1 drv.cpp -o libcuda.so.1
{ cat <<'D'
#include <cstddef>
#define X extern "C" __attribute__((visibility("default")))
static long h=0x9000;
X size_t cudnnGetVersion(){return 91300;} X const char* cudnnGetErrorString(int){return "fake";} X void cudnnGetLastErrorString(char*m,size_t n){if(n)m[0]=0;} X int cudnnGetStream(void*,void**s){*s=nullptr;return 0;}
X int cudnnBackendGetAttribute(void*,int,int,long n,long* c,void*){if(c)*c=n>0?1:0;return 0;}
D
strings -n 8 $so | grep -E "^cudnn[A-Z][A-Za-z_0-9]+$" | sort -u | grep -v -E "GetVersion|GetErrorString|GetLastErrorString|GetStream|BackendGetAttribute" | while read n; do case $n in cudnnBackendCreateDescriptor) echo "X int $n(int,void**p){*p=(void*)(h+=16);return 0;}";; cudnnCreate*) echo "X int $n(void**p){*p=(void*)(h+=16);return 0;}";; *) echo "X int $n(...){return 0;}";; esac; done; } > cudnn.cpp
mk libcudnn.so.9 cudnn.cpp
