#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include "core/base/error.h"
#include "core/lm/model/kernels/cuda_kernels.h"

static_assert(__cplusplus >= 202002L, "see core/CMakeLists.txt");

namespace retort::cuda {
namespace {

constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xffffffffU;
constexpr int kThreads = 256;      // of element-wise kernels
constexpr int kNormThreads = 128;  // of one row
constexpr int kAttendWarps = 4;    // share the context of one row and head
constexpr int64_t kMaxBlocks = 1 << 20;

void CheckLaunch(const char* kernel) {
  const cudaError_t error = cudaGetLastError();
  if (error == cudaSuccess) return;
  throw Error(ExitCode::kInternal,
              StrCat("CUDA kernel ", kernel, " failed - ", cudaGetErrorString(error)));
}

/// Blocks for `n` elements; the kernels step on by whole grids.
unsigned BlocksFor(int64_t n, int threads) {
  return static_cast<unsigned>(std::min((n + threads - 1) / threads, kMaxBlocks));
}

__device__ float Load(const float* x) { return *x; }
__device__ float Load(const __nv_bfloat16* x) { return __bfloat162float(*x); }
__device__ void Store(float value, float* y) { *y = value; }
__device__ void Store(float value, __nv_bfloat16* y) { *y = __float2bfloat16_rn(value); }
__device__ float2 LoadPair(const float* x) { return *reinterpret_cast<const float2*>(x); }
__device__ float2 LoadPair(const __nv_bfloat16* x) {
  return __bfloat1622float2(*reinterpret_cast<const __nv_bfloat162*>(x));
}
__device__ void StorePair(float2 value, float* y) { *reinterpret_cast<float2*>(y) = value; }
__device__ void StorePair(float2 value, __nv_bfloat16* y) {
  *reinterpret_cast<__nv_bfloat162*>(y) = __float22bfloat162_rn(value);
}

__device__ float WarpSum(float x) {
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    x += __shfl_xor_sync(kAllLanes, x, distance);
  }
  return x;
}

__device__ float WarpMax(float x) {
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    x = fmaxf(x, __shfl_xor_sync(kAllLanes, x, distance));
  }
  return x;
}

/// Calls launch(T()) with the type that is stored.
template <typename Launch>
void WithStored(Precision stored, const Launch& launch) {
  if (stored == Precision::kBfloat16) {
    launch(__nv_bfloat16());
  } else {
    launch(float());
  }
}

template <typename T>
__global__ void EmbedKernel(const T* table, const int64_t* ids, int64_t n, int64_t width,
                            float scale, float* y) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < n; i += step) {
    y[i] = scale * Load(table + ids[i / width] * width + i % width);
  }
}

/// One block a row; the result also goes to `rounded` unless that is null.
__global__ void NormKernel(const float* x, const float* weight, int width, float eps, float offset,
                           float* y, __nv_bfloat16* rounded) {
  __shared__ float sums[kNormThreads / kWarp];
  const int64_t begin = int64_t{blockIdx.x} * width;
  float sum = 0;
  for (int i = static_cast<int>(threadIdx.x); i < width; i += kNormThreads) {
    sum += x[begin + i] * x[begin + i];
  }
  sum = WarpSum(sum);
  if (threadIdx.x % kWarp == 0) sums[threadIdx.x / kWarp] = sum;
  __syncthreads();
  sum = 0;
  for (const float part : sums) sum += part;
  const float factor = rsqrtf(sum / static_cast<float>(width) + eps);
  for (int i = static_cast<int>(threadIdx.x); i < width; i += kNormThreads) {
    const float value = x[begin + i] * factor * (offset + weight[i]);
    y[begin + i] = value;
    if (rounded != nullptr) rounded[begin + i] = __float2bfloat16_rn(value);
  }
}

__global__ void RotateKernel(float* x, int64_t pairs, int heads, int half, const int64_t* positions,
                             const float* frequencies) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < pairs; i += step) {
    const int64_t vector = i / half;
    const int pair = static_cast<int>(i % half);
    const float angle = static_cast<float>(positions[vector / heads]) * frequencies[pair];
    float sin = 0, cos = 0;
    sincosf(angle, &sin, &cos);
    float* first = x + vector * 2 * half + pair;
    float* second = first + half;
    const float a = *first, b = *second;
    *first = a * cos - b * sin;
    *second = b * cos + a * sin;
  }
}

template <typename T>
__global__ void StoreKernel(const float* k, const float* v, int64_t n, int64_t width,
                            const int32_t* row_slots, T* keys, T* values) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < n; i += step) {
    const int64_t at = int64_t{row_slots[i / width]} * width + i % width;
    Store(k[i], keys + at);
    Store(v[i], values + at);
  }
}

/// The product of a query in shared memory with one key, in two chains.
__device__ float Dot(const float* query, const float* key, int width) {
  float2 sum = {0, 0};
  for (int i = 0; i < width; i += 2) {
    const float2 pair = LoadPair(key + i);
    sum.x = fmaf(query[i], pair.x, sum.x);
    sum.y = fmaf(query[i + 1], pair.y, sum.y);
  }
  return sum.x + sum.y;
}

__device__ float Dot(const float* query, const __nv_bfloat16* key, int width) {
  float2 sum = {0, 0};
  int i = 0;
  if (width % 8 == 0) {
    for (; i < width; i += 8) {
      const uint4 eight = *reinterpret_cast<const uint4*>(key + i);
      const auto* pairs = reinterpret_cast<const __nv_bfloat162*>(&eight);
#pragma unroll
      for (int p = 0; p < 4; ++p) {
        const float2 pair = __bfloat1622float2(pairs[p]);
        sum.x = fmaf(query[i + 2 * p], pair.x, sum.x);
        sum.y = fmaf(query[i + 2 * p + 1], pair.y, sum.y);
      }
    }
  }
  for (; i < width; i += 2) {
    const float2 pair = LoadPair(key + i);
    sum.x = fmaf(query[i], pair.x, sum.x);
    sum.y = fmaf(query[i + 1], pair.y, sum.y);
  }
  return sum.x + sum.y;
}

/// Softmax over a part of a context: sum of exp(score - largest), and of that times the values.
template <int kPairs>
struct Softmax {
  float largest = -INFINITY;
  float sum = 0;
  float2 values[kPairs] = {};

  __device__ void Rescale(float new_largest) {
    const float factor = largest == -INFINITY ? 0 : expf(largest - new_largest);
    sum *= factor;
#pragma unroll
    for (int p = 0; p < kPairs; ++p) {
      values[p].x *= factor;
      values[p].y *= factor;
    }
    largest = new_largest;
  }

  /// Adds the values of `count` slots, each lane's times its weight; a lane takes kPairs pairs of
  /// their elements.
  template <typename T>
  __device__ void Add(float weight, int32_t slot, int count, const T* pool, int64_t slot_width,
                      int width) {
    const int lane = static_cast<int>(threadIdx.x) % kWarp;
#pragma unroll 4
    for (int j = 0; j < count; ++j) {
      const float w = __shfl_sync(kAllLanes, weight, j);
      const T* value = pool + __shfl_sync(kAllLanes, slot, j) * slot_width;
#pragma unroll
      for (int p = 0; p < kPairs; ++p) {
        const int at = 2 * (lane + p * kWarp);
        if (at >= width) continue;
        const float2 pair = LoadPair(value + at);
        values[p].x = fmaf(w, pair.x, values[p].x);
        values[p].y = fmaf(w, pair.y, values[p].y);
      }
    }
  }
};

/// One block a row and head; its warps take every kAttendWarps-th 32 positions. Of those, each lane
/// multiplies one key with the query, and then all lanes add value after value.
template <typename T, int kPairs>
__global__ void AttendKernel(AttendArgs args) {
  __shared__ float query[kMaxHeadWidth];
  __shared__ float largest[kAttendWarps], sums[kAttendWarps];
  __shared__ float2 parts[kAttendWarps][kPairs * kWarp];
  const int64_t row = blockIdx.x;
  const int head = static_cast<int>(blockIdx.y);
  const int group = head / (args.heads / args.groups);
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int width = args.width;
  const int64_t head_at = (row * args.heads + head) * width;
  for (int i = static_cast<int>(threadIdx.x); i < width; i += kAttendWarps * kWarp) {
    query[i] = args.q[head_at + i] * args.scale;
  }
  __syncthreads();

  const auto* keys = static_cast<const T*>(args.keys) + int64_t{group} * width;
  const auto* values = static_cast<const T*>(args.values) + int64_t{group} * width;
  const int64_t slot_width = int64_t{args.groups} * width;
  const int32_t* slots = args.context_slots + args.context_begin[row];
  const int last = static_cast<int>(args.positions[row]);
  const int first = args.window > 0 ? max(0, last - args.window + 1) : 0;
  Softmax<kPairs> softmax;
  for (int base = first + warp * kWarp; base <= last; base += kAttendWarps * kWarp) {
    const bool seen = base + lane <= last;
    const int32_t slot = slots[seen ? base + lane : base];
    const float score = seen ? Dot(query, keys + slot * slot_width, width) : -INFINITY;
    softmax.Rescale(fmaxf(softmax.largest, WarpMax(score)));
    const float weight = seen ? expf(score - softmax.largest) : 0;
    softmax.sum += WarpSum(weight);
    softmax.Add(weight, slot, min(kWarp, last - base + 1), values, slot_width, width);
  }

  if (lane == 0) largest[warp] = softmax.largest;
  __syncthreads();
  float overall = largest[0];  // finite: the first warp sees the first position
  for (int w = 1; w < kAttendWarps; ++w) overall = fmaxf(overall, largest[w]);
  softmax.Rescale(overall);
  if (lane == 0) sums[warp] = softmax.sum;
#pragma unroll
  for (int p = 0; p < kPairs; ++p) parts[warp][p * kWarp + lane] = softmax.values[p];
  __syncthreads();
  float sum = 0;
  for (const float part : sums) sum += part;
  T* y = static_cast<T*>(args.y) + head_at;
  for (int pair = static_cast<int>(threadIdx.x); 2 * pair < width; pair += kAttendWarps * kWarp) {
    float2 total = {0, 0};
    for (int w = 0; w < kAttendWarps; ++w) {
      total.x += parts[w][pair].x;
      total.y += parts[w][pair].y;
    }
    StorePair({total.x / sum, total.y / sum}, y + 2 * pair);
  }
}

template <typename T>
void LaunchAttend(const AttendArgs& args, Stream stream) {
  const dim3 grid(static_cast<unsigned>(args.rows), static_cast<unsigned>(args.heads));
  constexpr int kBlock = kAttendWarps * kWarp;
  if (args.width <= 64) {
    AttendKernel<T, 1><<<grid, kBlock, 0, stream>>>(args);
  } else if (args.width <= 128) {
    AttendKernel<T, 2><<<grid, kBlock, 0, stream>>>(args);
  } else {
    AttendKernel<T, 4><<<grid, kBlock, 0, stream>>>(args);
  }
}

template <typename T, Activation kActivation>
__global__ void GatedKernel(const float* gate, const float* up, int64_t n, T* y) {
  constexpr float kRoot2OverPi = 0.7978845608028654F;
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < n; i += step) {
    const float g = gate[i];
    float active = 0;
    if constexpr (kActivation == Activation::kSilu) {
      active = g / (1 + expf(-g));
    } else {
      active = 0.5F * g * (1 + tanhf(kRoot2OverPi * (g + 0.044715F * g * g * g)));
    }
    Store(active * up[i], y + i);
  }
}

}  // namespace

void Embed(const void* table, Precision stored, const int64_t* ids, int64_t rows, int64_t width,
           float scale, float* y, Stream stream) {
  const int64_t n = rows * width;
  WithStored(stored, [&]<typename T>(T) {
    EmbedKernel<<<BlocksFor(n, kThreads), kThreads, 0, stream>>>(static_cast<const T*>(table), ids,
                                                                 n, width, scale, y);
  });
  CheckLaunch("Embed");
}

void RmsNorm(const float* x, const float* weight, int64_t rows, int64_t width, NormConfig norm,
             float* y, void* rounded, Stream stream) {
  NormKernel<<<static_cast<unsigned>(rows), kNormThreads, 0, stream>>>(
      x, weight, static_cast<int>(width), static_cast<float>(norm.eps),
      static_cast<float>(norm.offset), y, static_cast<__nv_bfloat16*>(rounded));
  CheckLaunch("RmsNorm");
}

void Rotate(float* x, int64_t rows, int64_t heads, int64_t width, const int64_t* positions,
            const float* frequencies, Stream stream) {
  const int64_t pairs = rows * heads * width / 2;
  RotateKernel<<<BlocksFor(pairs, kThreads), kThreads, 0, stream>>>(
      x, pairs, static_cast<int>(heads), static_cast<int>(width / 2), positions, frequencies);
  CheckLaunch("Rotate");
}

void StoreKeysValues(const float* k, const float* v, int64_t rows, int64_t width,
                     const int32_t* row_slots, void* keys, void* values, Precision stored,
                     Stream stream) {
  const int64_t n = rows * width;
  WithStored(stored, [&]<typename T>(T) {
    StoreKernel<<<BlocksFor(n, kThreads), kThreads, 0, stream>>>(
        k, v, n, width, row_slots, static_cast<T*>(keys), static_cast<T*>(values));
  });
  CheckLaunch("StoreKeysValues");
}

void Attend(const AttendArgs& args, Stream stream) {
  RETORT_CHECK(args.width % 2 == 0 && args.width <= kMaxHeadWidth, "heads of ", args.width,
               " elements");
  WithStored(args.stored, [&]<typename T>(T) { LaunchAttend<T>(args, stream); });
  CheckLaunch("Attend");
}

void GatedActivation(const float* gate, const float* up, int64_t n, Activation activation, void* y,
                     Precision stored, Stream stream) {
  WithStored(stored, [&]<typename T>(T) {
    if (activation == Activation::kSilu) {
      GatedKernel<T, Activation::kSilu>
          <<<BlocksFor(n, kThreads), kThreads, 0, stream>>>(gate, up, n, static_cast<T*>(y));
    } else {
      GatedKernel<T, Activation::kGeluTanh>
          <<<BlocksFor(n, kThreads), kThreads, 0, stream>>>(gate, up, n, static_cast<T*>(y));
    }
  });
  CheckLaunch("GatedActivation");
}

}  // namespace retort::cuda
