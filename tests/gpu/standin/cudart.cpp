// A stand-in for libcudart: device memory is a reserved address range, kernels do nothing, everything is counted per device.
// Only what the CUDA provider of ONNX Runtime 1.31 and the engine call is here; signatures are those of CUDA 13.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>
#include <algorithm>
#include <chrono>
#include <thread>
#include <sys/mman.h>
#include <dlfcn.h>
#define X extern "C" __attribute__((visibility("default")))
typedef int E;
struct dim3 { unsigned x, y, z; };
struct Prop {
 char name[256]; char uuid[16]; char luid[8]; unsigned luidMask; size_t totalGlobalMem; size_t sharedMemPerBlock; int regsPerBlock; int warpSize; size_t memPitch;
 int maxThreadsPerBlock; int maxThreadsDim[3]; int maxGridSize[3]; size_t totalConstMem; int major; int minor; size_t textureAlignment; size_t texturePitchAlignment; int multiProcessorCount;
 int integrated; int canMapHostMemory; int t1, t2; int t3[2], t4[2], t5[3], t6[2], t7[3], t8[3]; int t9; int t10[2], t11[3], t12[2]; int s1; int s2[2], s3[3], s4[2], s5[3]; int s6; int s7[2];
 size_t surfaceAlignment; int concurrentKernels, ECCEnabled, pciBusID, pciDeviceID, pciDomainID, tccDriver, asyncEngineCount, unifiedAddressing, memoryBusWidth, l2CacheSize, persistingL2CacheMaxSize, maxThreadsPerMultiProcessor,
 streamPrioritiesSupported, globalL1CacheSupported, localL1CacheSupported; size_t sharedMemPerMultiprocessor; int regsPerMultiprocessor, managedMemory, isMultiGpuBoard, multiGpuBoardGroupID, hostNativeAtomicSupported,
 pageableMemoryAccess, concurrentManagedAccess, computePreemptionSupported, canUseHostPointerForRegisteredMem, cooperativeLaunch; size_t sharedMemPerBlockOptin; int pageableHostPT, directManaged, maxBlocksPerMultiProcessor,
 accessPolicyMaxWindowSize; size_t reservedSharedMemPerBlock; int hostRegisterSupported, sparse, hostRegRO, timeline, memoryPoolsSupported, gdr; unsigned gdrf; int gdrw; unsigned mph; int deferred, ipcEvent, clusterLaunch, unifiedFunctionPointers, numaCfg, numaId, mps, hostNumaId; unsigned gpd, gps; int hnm; int reserved[56];
};
// Each device has an address range of its own, so that memory tells whose it is. Freed blocks are handed out again only for the same size: the range must last.
static const int MOST = 8;
static const size_t SPAN = 4096ull << 30, COPYMAX = 64ull << 10;
static char* base() { static char* b = (char*)mmap(nullptr, SPAN * MOST, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0); return b; }
static std::mutex mu; typedef std::lock_guard<std::mutex> L;
static std::map<char*, size_t> live; static std::multimap<size_t, char*> freed[MOST]; static size_t top[MOST], used[MOST], peak[MOST];
static thread_local int dev = 0;
static int gpuCount = [] { const char* e = getenv("STANDIN_GPUS"); return e ? atoi(e) : 1; }();
static size_t gpuBytes = [] { const char* e = getenv("STANDIN_GIB"); return (e ? atoll(e) : 80ull) << 30; }();
static size_t total() { return gpuBytes; }
static int gpus() { return gpuCount; }
static bool isdev(const void* p) { return (char*)p >= base() && (char*)p < base() + SPAN * MOST; }
static int devof(const void* p) { return (int)(((char*)p - base()) / SPAN); }
struct Counters { long h2d, d2h, d2d, syncS, syncD, syncE, malloc_, launches, blas, graphs, h2dB, d2hB, d2dB, used, peak; };
// With a pace every kernel takes that long on its card, one after the other, and whoever waits for the card waits for them: so it can be seen whether cards work at the same time.
static long pace = 0, until[MOST]; static std::vector<std::pair<long, long>> busy[MOST]; static bool failing[MOST];
// A capture takes down what is asked for on its thread; what must not happen meanwhile fails, and spoils it.
static thread_local bool capturing = false, spoilt = false; static thread_local long nodes = 0; static std::map<void*, long> graphs, executables;
static bool forbidden() { if (capturing) spoilt = true; return capturing; }
static long now() { return std::chrono::steady_clock::now().time_since_epoch().count(); }
static void work(int d) { if (!pace) return; long t = now(); long from = std::max(t, until[d]); until[d] = from + pace; if (!busy[d].empty() && from == busy[d].back().second) busy[d].back().second = until[d]; else busy[d].push_back({from, until[d]}); }
static void idle(int d) { long t; { L l(mu); t = until[d]; } if (t > now()) std::this_thread::sleep_until(std::chrono::steady_clock::time_point(std::chrono::steady_clock::duration(t))); }
static Counters cs[MOST]; static std::map<std::string, long> kern; static std::unordered_map<const void*, std::string> names; static std::map<size_t,long> h2dsz, d2hsz;
static bool named = getenv("STANDIN_KERNELS") != nullptr;

// What a program asks: counts of a device since they were last taken, and its memory.
X int standin_counts(int d, Counters* out) { L l(mu); *out = cs[d]; out->used = (long)used[d]; out->peak = (long)peak[d]; return 0; }
X void standin_reset() { L l(mu); for (auto& c : cs) c = Counters(); for (auto& b : busy) b.clear(); for (int d = 0; d < MOST; d++) peak[d] = used[d]; kern.clear(); h2dsz.clear(); d2hsz.clear(); }
X void standin_cards(int count, long gib) { L l(mu); gpuCount = count; gpuBytes = (size_t)gib << 30; }
X void standin_pace(long nanoseconds) { L l(mu); pace = nanoseconds; for (auto& u : until) u = 0; for (auto& b : busy) b.clear(); }
// When a card was busy since the last reset, [start, end) in nanoseconds, up to so many intervals.
X int standin_busy(int d, long* out, int most) { L l(mu); int n = 0; for (auto& b : busy[d]) { if (n == most) break; out[2 * n] = b.first; out[2 * n + 1] = b.second; n++; } return n; }
// The next asynchronous copy to or from the card fails.
// Graphs that can be launched.
X int standin_graphs() { L l(mu); return (int)executables.size(); }
X void standin_fail(int d) { L l(mu); failing[d] = true; }
X void standin_print(const char* label) {
  static FILE* f = [] { const char* e = getenv("STANDIN_LOG"); FILE* o = e ? fopen(e, "a") : nullptr; return o ? o : stderr; }();
  L l(mu);
  for (int d = 0; d < gpus(); d++) { auto& c = cs[d];
    fprintf(f, "== %s cuda:%d: launches %ld blas %ld graphs %ld | H2D %ld (%ld B) D2H %ld (%ld B) D2D %ld (%ld B) | sync stream %ld dev %ld event %ld | cudaMalloc %ld | device %zu MiB peak %zu MiB\n",
      label, d, c.launches, c.blas, c.graphs, c.h2d, c.h2dB, c.d2h, c.d2hB, c.d2d, c.d2dB, c.syncS, c.syncD, c.syncE, c.malloc_, used[d] >> 20, peak[d] >> 20); }
  if (named) { for (auto& k : kern) fprintf(f, "     %6ld %s\n", k.second, k.first.substr(0, 160).c_str());
    fprintf(f, "     H2D sizes:"); for (auto& k : h2dsz) fprintf(f, " %zux%ld", k.first, k.second); fprintf(f, "\n     D2H sizes:"); for (auto& k : d2hsz) fprintf(f, " %zux%ld", k.first, k.second); fprintf(f, "\n"); }
  fflush(f); }
static void launch(const void* f, void** a) { { L l(mu); if (capturing) nodes++; else { cs[dev].launches++; work(dev); } auto it = names.find(f); if (named) kern[it == names.end() ? "?" : it->second]++; if (it == names.end()) return; if (it->second.find("_UnaryElementWiseIilNS0_7OP_Cast") == std::string::npos) return; }
  int* in = *(int**)a[0]; long* out = *(long**)a[1]; long n = *(long*)a[3]; for (long i = 0; i < n && n < 100000; i++) out[i] = in[i]; }
static E alloc(void** p, size_t n) { L l(mu); size_t r = (n + 511) & ~511ull; if (!r) r = 512; int d = dev; if (used[d] + r > total()) { *p = nullptr; return 2; }
  auto it = freed[d].find(r); char* q; if (it != freed[d].end()) { q = it->second; freed[d].erase(it); } else { if (top[d] + r > SPAN) return 2; q = base() + SPAN * d + top[d]; top[d] += r; }
  live[q] = r; used[d] += r; peak[d] = std::max(peak[d], used[d]); cs[d].malloc_++; *p = q; return 0; }
static E release(void* p) { L l(mu); auto it = live.find((char*)p); if (it == live.end()) return p ? 1 : 0; int d = devof(p); used[d] -= it->second; freed[d].insert({it->second, it->first});
  madvise(it->first, it->second, MADV_DONTNEED); live.erase(it); return 0; }
static void copy(void* d, const void* s, size_t n) { { L l(mu); bool dd = isdev(d), sd = isdev(s); if (dd && sd) { auto& c = cs[devof(d)]; c.d2d++; c.d2dB += n; } else if (dd) { auto& c = cs[devof(d)]; c.h2d++; c.h2dB += n; if (named) h2dsz[n]++; }
    else if (sd) { auto& c = cs[devof(s)]; c.d2h++; c.d2hB += n; if (named) d2hsz[n]++; } } if (n && n <= COPYMAX) memmove(d, s, n); }
X void** __cudaRegisterFatBinary(void*) { static void* h[4]; return h; }
X void __cudaRegisterFatBinaryEnd(void**) {} 
X void __cudaUnregisterFatBinary(void**) {} 
X void __cudaRegisterVar(void**, char*, char*, const char*, int, size_t, int, int) {}
X void __cudaRegisterFunction(void**, const char* h, char*, const char* n, int, void*, void*, void*, void*, int*) { L l(mu); names[h] = n; }
struct Call { dim3 g, b; size_t sh; void* st; }; static thread_local std::vector<Call> calls;
X unsigned __cudaPushCallConfiguration(dim3 g, dim3 b, size_t sh, void* st) { calls.push_back({g, b, sh, st}); return 0; }
X E __cudaPopCallConfiguration(dim3* g, dim3* b, size_t* sh, void** st) { Call k = calls.back(); calls.pop_back(); *g = k.g; *b = k.b; *sh = k.sh; *st = k.st; return 0; }
X E __cudaGetKernel(void** k, const void* f) { *k = (void*)f; return 0; }
X E __cudaLaunchKernel(void* f, dim3, dim3, void** a, size_t, void*) { launch(f, a); return 0; }
X E cudaLaunchKernel(const void* f, dim3, dim3, void** a, size_t, void*) { launch(f, a); return 0; }
X E cudaLaunchCooperativeKernel(const void* f, dim3, dim3, void** a, size_t, void*) { launch(f, a); return 0; }
X E cudaLaunchKernelExC(const void*, const void* f, void** a) { launch(f, a); return 0; }
X E cudaLaunchHostFunc(void*, void (*f)(void*), void* u) { if (forbidden()) return 900; f(u); return 0; }
X E cudaDeviceGetAttribute(int* v, int a, int) { switch (a) { case 75: *v = 9; break; case 76: *v = 0; break; case 16: *v = 132; break; case 1: case 2: case 3: *v = 1024; break; case 10: *v = 32; break; case 97: *v = 232448; break; case 81: *v = 233472; break; case 8: *v = 49152; break;
    case 39: *v = 2048; break; case 12: case 82: *v = 65536; break; case 38: *v = 50 << 20; break; case 106: *v = 32; break; case 111: *v = 1024; break; case 4: *v = 64; break; case 5: *v = 2147483647; break; case 6: case 7: *v = 65535; break; default: *v = 1; } return 0; }
X E cudaGetDeviceCount(int* n) { *n = gpus(); return 0; }
X E cudaGetDevice(int* d) { *d = dev; return 0; }
X E cudaSetDevice(int d) { if (d >= gpus()) return 101; dev = d; return 0; }
X E cudaGetDeviceProperties(Prop* p, int d) { if (d >= gpus()) return 101; memset(p, 0, sizeof *p); strcpy(p->name, "Fake H100"); p->totalGlobalMem = total(); p->sharedMemPerBlock = 49152; p->regsPerBlock = 65536; p->warpSize = 32; p->memPitch = 2147483647; p->maxThreadsPerBlock = 1024;
  p->maxThreadsDim[0] = p->maxThreadsDim[1] = 1024; p->maxThreadsDim[2] = 64; p->maxGridSize[0] = 2147483647; p->maxGridSize[1] = p->maxGridSize[2] = 65535; p->totalConstMem = 65536; p->major = 9; p->textureAlignment = 512; p->texturePitchAlignment = 32; p->multiProcessorCount = 132; p->canMapHostMemory = 1;
  p->concurrentKernels = 1; p->unifiedAddressing = 1; p->l2CacheSize = 50 << 20; p->maxThreadsPerMultiProcessor = 2048; p->streamPrioritiesSupported = 1; p->sharedMemPerMultiprocessor = 233472; p->regsPerMultiprocessor = 65536; p->managedMemory = 1; p->cooperativeLaunch = 1; p->sharedMemPerBlockOptin = 232448;
  p->maxBlocksPerMultiProcessor = 32; p->reservedSharedMemPerBlock = 1024; p->hostRegisterSupported = 1; p->memoryPoolsSupported = 1; p->clusterLaunch = 1; p->pciBusID = 1 + d; return 0; }
X E cudaDeviceSynchronize() { if (forbidden()) return 900; { L l(mu); cs[dev].syncD++; } idle(dev); return 0; }
X E cudaDriverGetVersion(int* v) { *v = 13000; return 0; }
X E cudaRuntimeGetVersion(int* v) { *v = 13000; return 0; }
static void* fresh() { L l(mu); static long h = 0x1000; h += 16; return (void*)h; }
X E cudaEventCreate(void** e) { *e = fresh(); return 0; }
X E cudaEventCreateWithFlags(void** e, unsigned) { *e = fresh(); return 0; }
X E cudaEventDestroy(void*) { return 0; }
X E cudaEventElapsedTime(float* f, void*, void*) { *f = 0.01f; return 0; }
X E cudaEventRecord(void*, void*) { return 0; }
X E cudaEventRecordWithFlags(void*, void*, unsigned) { return 0; }
X E cudaEventSynchronize(void*) { if (forbidden()) return 900; { L l(mu); cs[dev].syncE++; } idle(dev); return 0; }
X E cudaEventQuery(void*) { return 0; }
X E cudaStreamQuery(void*) { return 0; }
X E cudaFree(void* p) { if (forbidden()) return 900; return release(p); }
X E cudaFreeAsync(void* p, void*) { return release(p); }
X E cudaMalloc(void** p, size_t n) { if (forbidden()) return 900; return alloc(p, n); }
X E cudaMallocFromPoolAsync(void** p, size_t n, void*, void*) { return alloc(p, n); }
X E cudaHostAlloc(void** p, size_t n, unsigned) { *p = aligned_alloc(4096, (n + 4095) & ~4095ull); return 0; }
X E cudaMallocHost(void** p, size_t n) { return cudaHostAlloc(p, n, 0); }
X E cudaFreeHost(void* p) { free(p); return 0; }
X E cudaHostRegister(void*, size_t, unsigned) { return 0; }
X E cudaHostUnregister(void*) { return 0; }
X E cudaHostGetDevicePointer(void** d, void* h, unsigned) { *d = h; return 0; }
X E cudaFuncGetAttributes(void* a, const void*) { memset(a, 0, 64); int* i = (int*)((char*)a + 24); i[0] = 1024; i[1] = 32; i[2] = i[3] = 90; return 0; }
X E cudaFuncSetAttribute(const void*, int, int) { return 0; }
X E cudaKernelSetAttributeForDevice(void*, int, int, int) { return 0; }
X E cudaGetDriverEntryPointByVersion(const char* s, void** f, unsigned, unsigned long long, int* st) { *f = dlsym(RTLD_DEFAULT, s); static E (*zero)() = [] { return 0; }; if (!*f) *f = (void*)zero; if (st) *st = 0; return 0; }
X const char* cudaGetErrorName(E) { return "cudaError"; }
X const char* cudaGetErrorString(E e) { return e == 2 ? "out of memory" : e == 101 ? "invalid device ordinal" : e == 719 ? "unspecified launch failure" : e == 900 ? "operation not permitted when stream is capturing" : e == 901 ? "operation failed due to a previous error during capture" : "fake"; }
X E cudaGetLastError() { return 0; }
X E cudaPeekAtLastError() { return 0; }
X E cudaGraphDestroy(void* g) { L l(mu); graphs.erase(g); return 0; }
X E cudaGraphExecDestroy(void* e) { L l(mu); executables.erase(e); return 0; }
X E cudaGraphInstantiate(void** e, void* g, unsigned long long) { *e = fresh(); L l(mu); auto it = graphs.find(g); if (it == graphs.end()) return 1; executables[*e] = it->second; return 0; }
X E cudaGraphLaunch(void* e, void*) { L l(mu); auto it = executables.find(e); if (it == executables.end()) return 1; cs[dev].graphs++; for (long i = 0; i < it->second; i++) work(dev); return 0; }
X E cudaLibraryGetKernel(void** k, void*, const char*) { *k = fresh(); return 0; }
X E cudaLibraryLoadData(void** l, const void*, void*, void*, unsigned, void*, void*, unsigned) { *l = fresh(); return 0; }
X E cudaLibraryUnload(void*) { return 0; }
X E cudaMemGetInfo(size_t* f, size_t* t) { L l(mu); *t = total(); *f = total() - used[dev]; return 0; }
X E cudaMemPoolCreate(void** p, const void*) { *p = fresh(); return 0; }
X E cudaMemPoolDestroy(void*) { return 0; }
X E cudaMemPoolGetAttribute(void*, int, void* v) { *(uint64_t*)v = 0; return 0; }
X E cudaMemPoolSetAttribute(void*, int, void*) { return 0; }
X E cudaMemPoolTrimTo(void*, size_t) { return 0; }
X E cudaMemcpy2DAsync(void* d, size_t, const void* s, size_t, size_t w, size_t h, int, void*) { copy(d, s, 0); return 0; }
X E cudaMemset2DAsync(void*, size_t, int, size_t, size_t, void*) { return 0; }
X E cudaMemcpy(void* d, const void* s, size_t n, int) { if (forbidden()) return 900; if (isdev(s) && !isdev(d)) idle(devof(s)); copy(d, s, n); return 0; }
X E cudaMemcpyAsync(void* d, const void* s, size_t n, int, void*) { if (!isdev(s) || !isdev(d)) { if (forbidden()) return 900; } else if (capturing) { nodes++; return 0; } bool down = isdev(s) && !isdev(d); if (isdev(s) || isdev(d)) { int c = devof(isdev(d) ? d : s); L l(mu); if (failing[c]) { failing[c] = false; return 719; } } if (down) idle(devof(s)); copy(d, s, n); return 0; }
X E cudaMemcpyFromSymbol(void* d, const void*, size_t n, size_t, int) { memset(d, 0, n); return 0; }
X E cudaMemset(void* d, int v, size_t n) { if (n <= COPYMAX) memset(d, v, n); return 0; }
X E cudaMemsetAsync(void* d, int v, size_t n, void*) { if (capturing) { nodes++; return 0; } if (n <= COPYMAX) memset(d, v, n); return 0; }
X E cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* n, const void*, int, size_t, unsigned) { *n = 2; return 0; }
struct PA { int type, device; void* d; void* h; long r[8]; };
X E cudaPointerGetAttributes(PA* a, const void* p) { memset(a, 0, sizeof *a); bool d = isdev(p); a->type = d ? 2 : 0; a->device = d ? devof(p) : 0; a->d = d ? (void*)p : nullptr; a->h = d ? nullptr : (void*)p; return 0; }
X E cudaStreamBeginCapture(void*, int) { if (capturing) return 900; capturing = true; spoilt = false; nodes = 0; return 0; }
X E cudaStreamEndCapture(void*, void** g) { if (!capturing) return 900; capturing = false; *g = nullptr; if (spoilt) return 901; *g = fresh(); L l(mu); graphs[*g] = nodes; return 0; }
X E cudaStreamIsCapturing(void*, int* s) { *s = capturing ? 1 : 0; return 0; }
X E cudaStreamCreate(void** s) { *s = fresh(); return 0; }
X E cudaStreamCreateWithFlags(void** s, unsigned) { *s = fresh(); return 0; }
X E cudaStreamCreateWithPriority(void** s, unsigned, int) { *s = fresh(); return 0; }
X E cudaDeviceGetStreamPriorityRange(int* a, int* b) { *a = 0; *b = -5; return 0; }
X E cudaStreamDestroy(void*) { return 0; }
X E cudaStreamSynchronize(void*) { if (forbidden()) return 900; { L l(mu); cs[dev].syncS++; } idle(dev); return 0; }
X E cudaStreamWaitEvent(void*, void*, unsigned) { return 0; }
X void standin_blas(const char* n) { L l(mu); if (capturing) nodes++; else { cs[dev].blas++; work(dev); } if (named) kern[std::string("BLAS ") + n]++; }
