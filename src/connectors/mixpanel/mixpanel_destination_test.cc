#include "connectors/mixpanel/mixpanel_destination.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/strings.h"

namespace millrace::mixpanel {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string Hash(const std::string& text) { return ToHex(HashBytes(text)).substr(0, 12); }

class LedgerNameTest : public testing::Test {
 protected:
  LedgerNameTest() { options_.endpoints.ingestion = "https://h"; }
  std::string Name(RecordType type = RecordType::kEvent) { return LedgerName(options_, type); }

  DestinationOptions options_;
};

// Ledgers contain these names: they must not change.
TEST_F(LedgerNameTest, NamesFromTokensAndProjectIdsNeverChange) {
  options_.credentials.token = "t";
  EXPECT_EQ(Name(), StrCat("mixpanel:https://h:token-", Hash("t"), ":events"));
  EXPECT_EQ(Name(RecordType::kUser), StrCat("mixpanel:https://h:token-", Hash("t"), ":users"));
  options_.project_id = "42";
  EXPECT_EQ(Name(), "mixpanel:https://h:42:events");
  options_.credentials.service_account_user = "user";
  EXPECT_EQ(Name(RecordType::kGroup), "mixpanel:https://h:42:groups");
}

TEST_F(LedgerNameTest, UsesTheCredentialOfTheRequest) {
  options_.credentials.api_secret = "a";
  const std::string a = Name();
  EXPECT_EQ(a, StrCat("mixpanel:https://h:secret-", Hash("a"), ":events"));
  options_.credentials.token = "left over in the environment";
  EXPECT_EQ(Name(), a) << "the secret authenticates";
  options_.credentials.api_secret = "b";
  EXPECT_NE(Name(), a);
  EXPECT_EQ(Name(RecordType::kUser),
            StrCat("mixpanel:https://h:token-", Hash(options_.credentials.token), ":users"))
      << "profiles are sent with the token";
  options_.credentials.service_account_user = "user";
  options_.credentials.service_account_secret = "hidden";
  const std::string account = Name();
  EXPECT_NE(account, a);
  options_.credentials.token = "another";
  options_.credentials.api_secret = "another";
  EXPECT_EQ(Name(), account);
}

TEST_F(LedgerNameTest, ContainsNoSecret) {
  options_.credentials = {.token = "tokentoken", .api_secret = "secretsecret"};
  EXPECT_THAT(Name(), Not(HasSubstr("secretsecret")));
  EXPECT_THAT(Name(RecordType::kUser), Not(HasSubstr("tokentoken")));
}

}  // namespace
}  // namespace millrace::mixpanel
