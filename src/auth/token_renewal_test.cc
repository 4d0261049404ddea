#include "auth/token_renewal.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace millrace {
namespace {

struct Tokens final : TokenSource {
  absl::StatusOr<AccessToken> Token(std::stop_token) override { return AccessToken{}; }
  void Forget(const AccessToken& refused) override { forgotten.push_back(refused.value); }
  std::vector<std::string> forgotten;
};

TEST(TokenRenewal, ARefusedTokenIsReplacedOnce) {
  const auto tokens = std::make_shared<Tokens>();
  TokenRenewal renewal(tokens);
  EXPECT_TRUE(renewal.Refused("Bearer a"));
  EXPECT_TRUE(renewal.Refused("Bearer a"));  // of a request that was sent at the same time
  EXPECT_EQ(tokens->forgotten, (std::vector<std::string>{"a"}));
  EXPECT_FALSE(renewal.Refused("Bearer b"));
  EXPECT_FALSE(renewal.Refused("Bearer c"));
  EXPECT_EQ(tokens->forgotten.size(), 1u);
}

TEST(TokenRenewal, AfterASuccessATokenMayBeRefusedAgain) {
  const auto tokens = std::make_shared<Tokens>();
  TokenRenewal renewal(tokens);
  EXPECT_TRUE(renewal.Refused("Bearer a"));
  renewal.Accepted();
  EXPECT_TRUE(renewal.Refused("Bearer b"));
  EXPECT_EQ(tokens->forgotten, (std::vector<std::string>{"a", "b"}));
}

TEST(TokenRenewal, WithoutATokenNothingIsRenewed) {
  TokenRenewal renewal(std::make_shared<Tokens>());
  EXPECT_FALSE(renewal.Refused(""));
  EXPECT_FALSE(renewal.Refused("Basic a"));
}

}  // namespace
}  // namespace millrace
