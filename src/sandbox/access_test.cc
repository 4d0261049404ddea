#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "base/strings.h"
#include "sandbox/authorization.h"

namespace millrace::sandbox {
namespace {

std::string Basic(std::string_view user_and_secret) {
  return StrCat("Basic ", absl::Base64Escape(ToAbsl(user_and_secret)));
}

TEST(IsAuthorized, AcceptsAnyCredentialsIfNoneAreSet) {
  const Access access;
  EXPECT_TRUE(IsAuthorized(access, Basic("token:"), "", ""));
  EXPECT_TRUE(IsAuthorized(access, Basic("user:secret"), "", ""));
  EXPECT_TRUE(IsAuthorized(access, "basic user:secret", "", ""));
  EXPECT_TRUE(IsAuthorized(access, "Bearer abc", "", ""));
  EXPECT_TRUE(IsAuthorized(access, "", "", "key"));
  for (std::string_view none : {"", "Basic", "Basic ", "Basic !!", "nonsense"}) {
    EXPECT_FALSE(IsAuthorized(access, none, "1", "")) << none;
  }
  EXPECT_FALSE(IsAuthorized(access, Basic(":"), "", ""));
}

TEST(IsAuthorized, RequiresTheTokenOrTheServiceAccountOfTheProject) {
  const Access access{"token", "user:secret"};
  EXPECT_TRUE(IsAuthorized(access, Basic("token:"), "", ""));
  EXPECT_TRUE(IsAuthorized(access, "Basic token:", "", ""));
  EXPECT_TRUE(IsAuthorized(access, "", "", "token"));
  EXPECT_TRUE(IsAuthorized(access, Basic("user:secret"), "7", ""));
  EXPECT_FALSE(IsAuthorized(access, Basic("user:secret"), "", ""));
  EXPECT_FALSE(IsAuthorized(access, Basic("user:other"), "7", ""));
  EXPECT_FALSE(IsAuthorized(access, Basic("token:x"), "", ""));
  EXPECT_FALSE(IsAuthorized(access, Basic("toke:"), "", ""));
  EXPECT_FALSE(IsAuthorized(access, "Bearer token", "", ""));
  EXPECT_FALSE(IsAuthorized(access, "", "", ""));
}

TEST(IsAuthorized, AcceptsItsOAuthTokenForAProject) {
  const Access access{.oauth_token = "abc"};
  EXPECT_TRUE(IsAuthorized(access, "Bearer abc", "7", ""));
  EXPECT_TRUE(IsAuthorized(access, "bearer  abc ", "7", ""));
  EXPECT_FALSE(IsAuthorized(access, "Bearer abc", "", ""));
  EXPECT_FALSE(IsAuthorized(access, "Bearer abcd", "7", ""));
  EXPECT_FALSE(IsAuthorized(access, "Bearer", "7", ""));
  EXPECT_FALSE(IsAuthorized(access, Basic("abc:"), "7", ""));
  EXPECT_FALSE(IsAuthorized(Access(), "Bearer ", "7", ""));
}

}  // namespace
}  // namespace millrace::sandbox
