#include "core/trace/hdf5_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <numeric>

#include "core/trace/ragged_column.h"
#include "tests/core/trace/trace_fixture.h"

namespace retort {
namespace {

const FileLabel kLabel = {.path = "some.h5", .remedy = "make it again"};

template <typename T>
std::string FileWith(const std::string& name, const std::vector<T>& values) {
  Hdf5Writer out("test.h5");
  out.Array<T>(name, values);
  return out.Finish();
}

template <typename T>
void ExpectRoundTrip(const std::vector<T>& values) {
  const std::string bytes = FileWith<T>("group/inner/name", values);
  const Hdf5Reader in(bytes, kLabel);
  EXPECT_EQ(in.Array<T>("group/inner/name"), values);
}

TEST(Hdf5File, EveryTypeRoundTrips) {
  ExpectRoundTrip<uint8_t>({0, 1, 255});
  ExpectRoundTrip<char>({'a', '\0', '\xff'});
  ExpectRoundTrip<int32_t>({INT32_MIN, -1, INT32_MAX});
  ExpectRoundTrip<int64_t>({INT64_MIN, -1, INT64_MAX});
  ExpectRoundTrip<uint64_t>({0, UINT64_MAX});
  ExpectRoundTrip<float>({-0.0f, 1e-45f, 3.4e38f});
  ExpectRoundTrip<double>({-0.0, 5e-324, 1.7e308});
}

TEST(Hdf5File, AFileOfTheProgramsNameInTheWorkingFolderDoesNotMatter) {
  const std::string dir = testing::TempDir() + "retort_hdf5_working_folder";
  std::filesystem::create_directories(dir);
  const std::string before = std::filesystem::current_path();
  std::filesystem::current_path(dir);
  std::ofstream("retort") << "a program";
  ExpectRoundTrip<int32_t>({1, 2});
  std::filesystem::current_path(before);
}

TEST(Hdf5File, EmptyArraysAndSeveralChunksRoundTrip) {
  ExpectRoundTrip<int32_t>({});
  for (const size_t size : {65535u, 65536u, 65537u, 200000u}) {
    std::vector<int32_t> values(size);
    std::iota(values.begin(), values.end(), 7);
    ExpectRoundTrip<int32_t>(values);
  }
}

TEST(Hdf5File, AttributesRoundTrip) {
  Hdf5Writer out("test.h5");
  out.Attribute("text", "t\xc3\xa9xt");
  out.Attribute("empty", "");
  out.Attribute("number", int64_t{-5});
  for (int i = 0; i < 30; ++i) out.Attribute(StrCat("more", i), "x");
  const std::string bytes = out.Finish();
  const Hdf5Reader in(bytes, kLabel);
  EXPECT_EQ(in.TextAttribute("text"), "t\xc3\xa9xt");
  EXPECT_EQ(in.TextAttribute("empty"), "");
  EXPECT_EQ(in.IntAttribute("number"), -5);
  EXPECT_EQ(in.TextAttribute("more29"), "x");
  EXPECT_THROW(in.TextAttribute("number"), Error);
  EXPECT_THROW(in.IntAttribute("text"), Error);
  EXPECT_THROW(in.TextAttribute("missing"), Error);
}

TEST(Hdf5File, WrongNamesAndTypesAreNamed) {
  const std::string bytes = FileWith<int32_t>("a/b", {1, 2});
  const Hdf5Reader in(bytes, kLabel);
  const auto message = [&](auto read) { return ErrorOf([&] { read(); }); };
  EXPECT_EQ(message([&] { in.Array<int64_t>("a/b"); }),
            "damaged file - some.h5: a/b has another type or shape - make it again");
  EXPECT_NE(message([&] { in.Array<float>("a/b"); }), "");
  EXPECT_NE(message([&] { in.Array<int32_t>("a"); }), "");
  EXPECT_NE(message([&] { in.Array<int32_t>("a/c"); }).find("no a/c"), std::string::npos);
  EXPECT_NE(message([&] { in.Array<int32_t>("x/b"); }).find("no x"), std::string::npos);
}

TEST(Hdf5File, BytesThatAreNoHdf5AreRefused) {
  for (const std::string& bytes : {std::string(), std::string("hello"), std::string(4096, '\0')}) {
    const std::string message = ErrorOf([&] { const Hdf5Reader in(bytes, kLabel); });
    EXPECT_NE(message.find("some.h5"), std::string::npos) << message;
  }
}

TEST(RaggedColumn, RowsRoundTripAndBadOffsetsAreRefused) {
  RaggedColumn<char> column;
  for (const std::string_view row : {"one", "", "three"}) column.Append(row);
  Hdf5Writer out("test.h5");
  column.Write("words", &out);
  const std::string bytes = out.Finish();
  const Hdf5Reader in(bytes, kLabel);
  RaggedColumn<char> again;
  again.Read("words", 3, in);
  EXPECT_EQ(TextRow(again, 0), "one");
  EXPECT_EQ(TextRow(again, 1), "");
  EXPECT_EQ(TextRow(again, 2), "three");
  EXPECT_THROW(again.Read("words", 2, in), Error);
}

TEST(CheckOffsets, RefusesWhatDoesNotCoverTheValues) {
  EXPECT_NO_THROW(CheckOffsets({0, 2, 2, 5}, 3, 5, "x", kLabel));
  EXPECT_THROW(CheckOffsets({}, 0, 0, "x", kLabel), Error);
  EXPECT_THROW(CheckOffsets({1, 2}, 1, 2, "x", kLabel), Error);
  EXPECT_THROW(CheckOffsets({0, 3, 2}, 2, 2, "x", kLabel), Error);
  EXPECT_THROW(CheckOffsets({0, 2}, 1, 3, "x", kLabel), Error);
  EXPECT_THROW(CheckOffsets({0, -1, 2}, 2, 2, "x", kLabel), Error);
  EXPECT_THROW(CheckOffsets({0, 2}, 2, 2, "x", kLabel), Error);
}

}  // namespace
}  // namespace retort
