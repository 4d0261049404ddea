#include "stores/refused_token.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace millrace {
namespace {

class ForgottenTokens : public TokenSource {
 public:
  absl::StatusOr<AccessToken> Token(std::stop_token) override {
    return absl::InternalError("nothing asks here");
  }
  void Forget(const AccessToken& refused) override { forgotten.push_back(refused.value); }

  std::vector<std::string> forgotten;
};

HttpRequest With(const std::string& authorization) {
  return {.headers = {{"x-other", "1"}, {"Authorization", authorization}}};
}

TEST(RefusedToken, EachTokenIsForgottenAndWorthOneMoreTry) {
  ForgottenTokens tokens;
  RefusedToken refused;
  EXPECT_EQ(refused.Renew(With("Bearer a"), tokens), Refusal::RetryAdvice::kNow);
  EXPECT_EQ(refused.Renew(With("Bearer b"), tokens), Refusal::RetryAdvice::kNow);
  EXPECT_EQ(refused.Renew(With("Bearer b"), tokens), Refusal::RetryAdvice::kNone)
      << "there is no other";
  EXPECT_EQ(tokens.forgotten, (std::vector<std::string>{"a", "b", "b"}));
}

TEST(RefusedToken, RequestsWithoutATokenAreNotTriedAgain) {
  ForgottenTokens tokens;
  RefusedToken refused;
  EXPECT_EQ(refused.Renew({}, tokens), Refusal::RetryAdvice::kNone);
  EXPECT_EQ(refused.Renew(With("SharedKey account:signature"), tokens),
            Refusal::RetryAdvice::kNone);
  EXPECT_TRUE(tokens.forgotten.empty());
}

}  // namespace
}  // namespace millrace
