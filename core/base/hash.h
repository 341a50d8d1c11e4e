// SHA-256 for identities and CRC-32C for frames.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace retort {

/// Lower-case hex, 64 characters.
std::string Sha256(std::string_view bytes);

/// Incremental SHA-256. Single-threaded.
class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  Sha256Stream(const Sha256Stream&) = delete;
  Sha256Stream& operator=(const Sha256Stream&) = delete;
  void Update(std::string_view bytes);
  /// Lower-case hex; the stream must not be used afterwards.
  std::string Finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// CRC-32C (Castagnoli, reflected 0x82f63b78); Crc32c("123456789") == 0xe3069283.
uint32_t Crc32c(std::string_view bytes);
/// The same by table alone, for processors without the instruction; tests compare the two.
uint32_t Crc32cPortable(std::string_view bytes);

}  // namespace retort
