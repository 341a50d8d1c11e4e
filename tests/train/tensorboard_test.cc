#include "train/tensorboard.h"

#include <gmock/gmock.h>

#include "core/base/env.h"
#include "tests/train/train_fixture.h"

namespace retort {
namespace {

std::string Hex(const std::string& bytes) {
  std::string hex;
  for (const char c : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    hex += kDigits[static_cast<unsigned char>(c) >> 4];
    hex += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return hex;
}

// Goldens: tests/data/train/check_tensorboard.py --goldens, written with PyPI tensorboard 2.21.0.
TEST(TensorBoard, VersionEventHasTheBytesOfTensorBoardsOwnWriter) {
  EXPECT_EQ(Hex(FrameTfRecord(EncodeVersionEvent(1763780000.5))),
            "1800000000000000a37f4b2209000020684948da411a0d627261696e2e4576656e743a3209692dd8");
}

TEST(TensorBoard, ScalarEventHasTheBytesOfTensorBoardsOwnWriter) {
  EXPECT_EQ(Hex(FrameTfRecord(EncodeScalarEvent(1763780000.5, 300, "train/loss", 0.75f))),
            "2100000000000000017becf609000020684948da4110ac022a130a110a0a747261696e2f6c6f73731500"
            "00403f0724307f");
}

TEST(TensorBoard, WriterLeavesOneFileThatBeginsWithTheVersion) {
  const std::string dir = TestFolder("tb");
  {
    TensorBoardWriter writer(RealEnv(), dir);
    writer.Scalar("dev/accuracy", 0.5, 7);
  }
  const std::vector<std::string> names = RealEnv().List(dir);
  ASSERT_EQ(names.size(), 1u);
  EXPECT_TRUE(names[0].starts_with("events.out.tfevents.")) << names[0];
  const std::string bytes = RealEnv().ReadFile(JoinPath(dir, names[0]));
  const size_t version_size = FrameTfRecord(EncodeVersionEvent(0)).size();
  EXPECT_THAT(bytes.substr(0, version_size), testing::HasSubstr("brain.Event:2"));
  const std::string event = EncodeScalarEvent(0, 7, "dev/accuracy", 0.5f);
  EXPECT_EQ(bytes.size(), version_size + FrameTfRecord(event).size());
  // All but the frame's head (12 bytes), the wall time (1 + 8) and the trailing CRC (4).
  EXPECT_EQ(bytes.substr(version_size + 12 + 9, event.size() - 9), event.substr(9));
}

}  // namespace
}  // namespace retort
