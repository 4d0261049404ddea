#include "formats/byte_scan.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>

#include "base/byte_buffer.h"

namespace millrace {
namespace {

size_t ByteAfterByte(std::string_view text, size_t from) {
  for (size_t i = from; i < text.size(); ++i) {
    if (text[i] == '\n') return i;
    const bool last = i + 1 == text.size();
    if (text[i] == '}' && !last && (text[i + 1] == '{' || text[i + 1] <= ' ')) return i;
  }
  return text.size();
}

TEST(ByteScanTest, FindsTheSameEndsAsAByteByByteSearch) {
  std::mt19937 random(7);
  const std::string_view rare = "}{ \n}";
  for (int round = 0; round < 2000; ++round) {
    std::string text(random() % 200, 'x');
    const unsigned one_in = 1 + random() % 40;
    for (char& c : text) {
      if (random() % one_in == 0) c = rare[random() % rare.size()];
    }
    // Bytes after the end are read and must not count.
    ByteBuffer buffer;
    buffer.Append(text);
    buffer.Append(
        "}{\n}{\n}{\n}{\n}{\n}{\n}{\n}{\n}{\n}{\n}{\n}{\n}{\n}{\n}{\n}{\n}{\n}{\n}{\n}{\n}{\n}{\n");
    const char* const begin = buffer.data();
    const char* const end = begin + text.size();
    for (size_t from = 0; from <= text.size(); from += 1 + random() % 30) {
      const size_t expected = ByteAfterByte(text, from);
      for (const auto find : {FindLineOrObjectEnd, FindLineOrObjectEndPortably}) {
        size_t found = static_cast<size_t>(find(begin + from, end) - begin);
        // A '}' at the very end may be found or passed over.
        if (found + 1 == text.size() && text[found] == '}') found = text.size();
        ASSERT_EQ(found, expected) << text << " from " << from;
      }
    }
  }
}

TEST(ByteScanTest, FindsWhetherTextContainsAByte) {
  for (size_t size = 0; size < 70; ++size) {
    const std::string around = "|" + std::string(size, 'x') + "|";
    EXPECT_FALSE(Contains(std::string_view(around).substr(1, size), '|')) << size;
    for (size_t at = 0; at < size; ++at) {
      std::string text(size, 'x');
      text[at] = '|';
      EXPECT_TRUE(Contains(text, '|')) << size << " at " << at;
    }
  }
}

}  // namespace
}  // namespace millrace
