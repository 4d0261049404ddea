#include "net/access_token.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(HasToken, TakesBearerAndBasic) {
  EXPECT_TRUE(HasToken("Bearer sesame", "sesame"));
  EXPECT_TRUE(HasToken("Basic bjpzZXNhbWU=", "sesame"));  // n:sesame
  for (const char* other : {"", "sesame", "Bearer", "Bearer ", "Bearer sesam", "Bearer sesame1",
                            "bearer sesame", "Basic", "Basic !", "Basic c2VzYW1l"}) {
    EXPECT_FALSE(HasToken(other, "sesame")) << other;
  }
}

}  // namespace
}  // namespace millrace
