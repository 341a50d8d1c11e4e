#include "core/lm/checkpoint/safetensors_header.h"
#include "tests/fuzz/fuzzing.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace retort;
  OrRefuse([&] {
    const std::string_view bytes = FuzzText(data, size);
    const SafetensorsFile file = ParseSafetensors(bytes, "x.safetensors");
    uint64_t total = 0;
    uint64_t sum = 0;
    for (const SafetensorsEntry& entry : file.tensors) {
      total += entry.bytes.size();
      for (const char c : entry.bytes) sum += static_cast<uint8_t>(c);
    }
    Expect(total <= size && sum <= total * 255);
  });
  return 0;
}
