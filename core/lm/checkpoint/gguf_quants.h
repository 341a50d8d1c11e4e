// Element types of GGUF tensors and their values as float32, bit for bit what the reference Python
// package computes (gguf 0.19.0, gguf.quants.dequantize; payloads of NaN aside). Pure functions.
#pragma once

#include <cstdint>
#include <string>

namespace retort {

/// The types Retort reads, under the numbers that files use for them (kQ40 is Q4_0, and so on).
enum class GgmlType : uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ40 = 2,
  kQ41 = 3,
  kQ50 = 6,
  kQ51 = 7,
  kQ80 = 8,
  kQ4K = 12,
  kQ6K = 14,
  kBF16 = 30
};

/// Elements are stored in blocks that never cross the end of a row.
struct GgmlBlock {
  int64_t elements;
  int64_t bytes;
};

/// Whether a file's number names one of the types above.
bool IsSupportedGgmlType(uint32_t number);
/// "Q4_K"; also for types Retort does not read; "number 77" for what nobody has named.
std::string GgmlTypeName(uint32_t number);
/// "F32, F16, ...", for messages.
std::string SupportedGgmlTypes();

GgmlBlock BlockOf(GgmlType type);

/// Writes the `n` values of `blocks` (little-endian, at any alignment) to `out`. `n` is a multiple
/// of the type's block; Error(kInternal) otherwise.
void DequantizeRow(GgmlType type, const uint8_t* blocks, int64_t n, float* out);

}  // namespace retort
