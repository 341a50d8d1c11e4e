#include "core/lm/checkpoint/gguf.h"
#include "tests/fuzz/fuzzing.h"

namespace {

/// Touches every byte that the views promise, in the type that they promise.
void ReadEverything(const retort::GgufFile& file) {
  using namespace retort;
  for (const auto& [key, value] : file.metadata()) {
    OrRefuse([&, name = key] { file.Bool(name); });
    OrRefuse([&, name = key] { file.Int(name); });
    OrRefuse([&, name = key] { file.Number(name); });
    OrRefuse([&, name = key] { file.Text(name); });
    OrRefuse([&, name = key] { file.Texts(name); });
    OrRefuse([&, name = key] { file.Ints(name); });
    OrRefuse([&, name = key] { file.Floats(name); });
  }
  for (const GgufTensor& tensor : file.tensors()) {
    std::vector<float> values(static_cast<size_t>(tensor.ElementCount()));
    DequantizeRow(tensor.type, tensor.blocks(), tensor.ElementCount(), values.data());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace retort;
  OrRefuse([&] {
    std::string bytes(FuzzText(data, size));
    ReadEverything(ParseGguf(std::make_unique<BytesFile>(std::move(bytes)), "x.gguf"));
  });
  return 0;
}
