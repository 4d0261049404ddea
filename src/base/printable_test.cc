#include "base/printable.h"

namespace millrace {
namespace {

TEST(Printable, NothingPrintedCanMoveTheCursor) {
  EXPECT_EQ(Printable("a\x1b[2Jb\n\x7f"), "a?[2Jb??");
  EXPECT_EQ(Printable("\xC2\x9B"), "??");
  EXPECT_EQ(Printable("größe"), "größe");
}

}  // namespace
}  // namespace millrace
