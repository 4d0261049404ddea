#include "import/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/strings.h"

namespace millrace {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string Hash(const std::string& text) { return ToHex(HashBytes(text)).substr(0, 12); }

class DestinationNameTest : public testing::Test {
 protected:
  DestinationNameTest() { request_.endpoints.ingestion = "https://h"; }
  std::string Name(RecordType type = RecordType::kEvent) { return DestinationName(request_, type); }

  ImportRequest request_;
};

// Ledgers contain these names: they must not change.
TEST_F(DestinationNameTest, NamesFromTokensAndProjectIdsNeverChange) {
  request_.credentials.token = "t";
  EXPECT_EQ(Name(), StrCat("mixpanel:https://h:token-", Hash("t"), ":events"));
  EXPECT_EQ(Name(RecordType::kUser), StrCat("mixpanel:https://h:token-", Hash("t"), ":users"));
  request_.project_id = "42";
  EXPECT_EQ(Name(), "mixpanel:https://h:42:events");
  request_.credentials.service_account_user = "user";
  EXPECT_EQ(Name(RecordType::kGroup), "mixpanel:https://h:42:groups");
}

TEST_F(DestinationNameTest, UsesTheCredentialOfTheRequest) {
  request_.credentials.api_secret = "a";
  const std::string a = Name();
  EXPECT_EQ(a, StrCat("mixpanel:https://h:secret-", Hash("a"), ":events"));
  request_.credentials.token = "left over in the environment";
  EXPECT_EQ(Name(), a) << "the secret authenticates";
  request_.credentials.api_secret = "b";
  EXPECT_NE(Name(), a);
  EXPECT_EQ(Name(RecordType::kUser),
            StrCat("mixpanel:https://h:token-", Hash(request_.credentials.token), ":users"))
      << "profiles are sent with the token";
  request_.credentials.service_account_user = "user";
  request_.credentials.service_account_secret = "hidden";
  const std::string account = Name();
  EXPECT_NE(account, a);
  request_.credentials.token = "another";
  request_.credentials.api_secret = "another";
  EXPECT_EQ(Name(), account);
}

TEST_F(DestinationNameTest, ContainsNoSecret) {
  request_.credentials = {.token = "tokentoken", .api_secret = "secretsecret"};
  EXPECT_THAT(Name(), Not(HasSubstr("secretsecret")));
  EXPECT_THAT(Name(RecordType::kUser), Not(HasSubstr("tokentoken")));
}

TEST(ImportReportTest, SaysWhichWarningIsAnError) {
  for (const bool strict : {false, true}) {
    ImportProgress progress;
    if (strict) progress.warnings.MakeErrors();
    progress.warnings.Add({.code = "c", .object = "/d/_a", .message = "it is skipped"})
        .IgnoreError();
    ImportReport report;
    report.AddProgress(progress, absl::Seconds(1));
    EXPECT_EQ(report.success(), !strict);
    EXPECT_EQ(report.first_error,
              strict ? "/d/_a: it is skipped (a warning, which --strict makes an error)" : "");
  }
}

}  // namespace
}  // namespace millrace
