// tokenizer.json up to the first NUL, tokenizer_config.json after it.
#include "core/lm/tokenizer/tokenizer.h"
#include "tests/fuzz/fuzzing.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace retort;
  const std::string_view bytes = FuzzText(data, size);
  const size_t end = std::min(bytes.find('\0'), size);
  std::map<std::string, std::string> files = {
      {"x/tokenizer.json", std::string(bytes.substr(0, end))}};
  if (end < size) files["x/tokenizer_config.json"] = bytes.substr(end + 1);
  OrRefuse([&] {
    const auto tokenizer = LoadTokenizer(BytesEnv(std::move(files)), "x");
    for (const char* text :
         {"", "the 12 \xc3\xa9tudes\n\n<s> <eos> \xf0\x9f\x99\x82", "\xff\xfe a\t b"}) {
      OrRefuse([&, sample = std::string(text)] {
        const std::vector<int32_t> ids = tokenizer->Encode(sample);
        for (const int32_t id : ids) Expect(id >= 0 && id < tokenizer->VocabSize());
        tokenizer->Decode(ids);
      });
    }
  });
  return 0;
}
