#include "records/exact_number.h"

#include <gtest/gtest.h>

#include <string>

namespace millrace {
namespace {

TEST(FitsDoubleTest, DigitsThatADoubleKeeps) {
  for (const char* const number : {"0",
                                   "-0",
                                   "0.0",
                                   "1",
                                   "-1",
                                   "0.1",
                                   "12.50",
                                   "9007199254740992",
                                   "9007199254740994",
                                   "18446744073709551616",
                                   "1e300",
                                   "1E+2",
                                   "1e-300",
                                   "100000000000000000000000",
                                   "1.7976931348623157e308",
                                   "5e-324",
                                   "0.1000000000000000000000000",
                                   "123456789012345.6",
                                   "0.30000000000000004",
                                   "00000000000000.0e5",
                                   "0e999999999999"}) {
    EXPECT_TRUE(FitsDouble(number)) << number;
  }
}

TEST(FitsDoubleTest, DigitsThatItDoesNot) {
  for (const char* const number :
       {"9007199254740993", "-9007199254740993", "9223372036854775807", "18446744073709551615",
        "0.12345678901234567890", "0.1000000000000000055511151231257827", "1.79769313486231580001",
        "1e400", "-1e400", "1e-400", "1234567890123456789e-400", "1e999999999999999999999"}) {
    EXPECT_FALSE(FitsDouble(number)) << number;
  }
}

}  // namespace
}  // namespace millrace
