#include "core/base/hash.h"

#include <gtest/gtest.h>

namespace retort {
namespace {

// FIPS 180-4 examples.
TEST(Sha256, KnownAnswers) {
  EXPECT_EQ(Sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Sha256, StreamEqualsOneCall) {
  const std::string text(100000, 'x');
  Sha256Stream stream;
  for (size_t at = 0; at < text.size(); at += 777) stream.Update(text.substr(at, 777));
  EXPECT_EQ(stream.Finish(), Sha256(text));
}

// RFC 3720, appendix B.4, and the usual check value.
TEST(Crc32c, KnownAnswers) {
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(Crc32c(""), 0u);
}

TEST(Crc32c, InstructionAndTableAgreeAtEveryLength) {
  std::string text;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(Crc32c(text), Crc32cPortable(text)) << i;
    text += static_cast<char>(i * 37 + 11);
  }
}

}  // namespace
}  // namespace retort
