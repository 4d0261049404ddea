#include "base/peak_memory.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>

namespace millrace {
namespace {

TEST(PeakMemory, KeepsWhatWasHeldOnce) {
  constexpr size_t kBytes = 256 << 20;
  const uint64_t before = PeakMemory();
  EXPECT_GT(before, 0u);
  void* const held =
      ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(held, MAP_FAILED);
  std::memset(held, 1, kBytes);
  EXPECT_GE(PeakMemory(), kBytes);
  ::munmap(held, kBytes);
  EXPECT_GE(PeakMemory(), kBytes);
}

}  // namespace
}  // namespace millrace
