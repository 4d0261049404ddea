#include "net/http_status.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(IsRetryableStatus, IsTrueOfWhatMayPass) {
  for (const int status : {408, 429, 500, 502, 503, 504, 507, 520, 599}) {
    EXPECT_TRUE(IsRetryableStatus(status)) << status;
  }
  for (const int status : {200, 301, 400, 401, 403, 404, 409, 413, 501, 505}) {
    EXPECT_FALSE(IsRetryableStatus(status)) << status;
  }
}

}  // namespace
}  // namespace millrace
