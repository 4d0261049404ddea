#include "auth/azure_credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "auth/testing/credentials_fixture.h"
#include "base/strings.h"

namespace millrace {
namespace {

using testing::HasSubstr;
using testing::Not;

class AzureCredentialsTest : public CredentialsTest {
 protected:
  absl::StatusOr<AzureCredentials> Find() {
    return FindAzureCredentials(
        {.environment = environment(), .new_http = new_http(), .clock = clock_});
  }

  void Answer(int status, const std::string& body = "") {
    answer_ = [=](const HttpRequest&) { return HttpResponse{.status = status, .body = body}; };
  }
};

TEST_F(AzureCredentialsTest, ReadsConnectionStrings) {
  variables_["AZURE_STORAGE_CONNECTION_STRING"] =
      "DefaultEndpointsProtocol=https;AccountName=mine;AccountKey=a2V5;EndpointSuffix=core.test";
  auto found = Find();
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->account, "mine");
  EXPECT_EQ(found->key, "key");
  EXPECT_EQ(found->endpoint, "https://mine.blob.core.test");

  variables_["AZURE_STORAGE_CONNECTION_STRING"] =
      "BlobEndpoint=http://h:1/acc/;SharedAccessSignature=?sv=1&sig=s%3D";
  found = Find();
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->endpoint, "http://h:1/acc");
  EXPECT_EQ(found->sas, "sv=1&sig=s%3D");

  for (const char* broken : {"AccountName=a;AccountKey=***", "very-secret", "AccountName=a"}) {
    variables_["AZURE_STORAGE_CONNECTION_STRING"] = broken;
    const absl::Status status = Find().status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << broken;
    EXPECT_THAT(std::string(status.message()), HasSubstr("AZURE_STORAGE_CONNECTION_STRING"));
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("very-secret")));
  }
}

TEST_F(AzureCredentialsTest, ASignatureGoesIntoTheQueryAndAKeyIntoAHeader) {
  variables_["AZURE_STORAGE_ACCOUNT"] = "mine";
  variables_["AZURE_STORAGE_SAS_TOKEN"] = "?sv=1&sig=s";
  HttpRequest request{.url = "https://mine.blob.core.windows.net/c/b"};
  ASSERT_TRUE(Find()->Authorize(request, clock_.Now(), {}).ok());
  EXPECT_EQ(request.url, "https://mine.blob.core.windows.net/c/b?sv=1&sig=s");

  variables_["AZURE_STORAGE_KEY"] = "a2V5";
  HttpRequest signed_request{.url = "https://mine.blob.core.windows.net/c/b"};
  ASSERT_TRUE(Find()->Authorize(signed_request, clock_.Now(), {}).ok());
  EXPECT_EQ(signed_request.url, "https://mine.blob.core.windows.net/c/b");
  EXPECT_THAT(signed_request.headers.back().second, testing::StartsWith("SharedKey mine:"));
  EXPECT_EQ(signed_request.headers.front().second, "Tue, 14 Nov 2023 22:13:20 GMT");
}

TEST_F(AzureCredentialsTest, AsksEntraForTokens) {
  variables_["AZURE_TENANT_ID"] = "tenant";
  variables_["AZURE_CLIENT_ID"] = "app";
  variables_["AZURE_CLIENT_SECRET"] = "very-secret";
  Answer(200, R"({"access_token": "t", "expires_in": "3599"})");
  EXPECT_EQ(Find()->tokens->Token({})->value, "t");
  EXPECT_EQ(asked_.back().url, "https://login.microsoftonline.com/tenant/oauth2/v2.0/token");
  EXPECT_THAT(asked_.back().body, HasSubstr("client_secret=very-secret"));
  Answer(401, R"({"error": "invalid_client", "error_description": "no"})");
  const absl::Status refused = Find()->tokens->Token({}).status();
  EXPECT_TRUE(absl::IsUnauthenticated(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("application app"));
  EXPECT_THAT(std::string(refused.message()), Not(HasSubstr("very-secret")));

  variables_.erase("AZURE_CLIENT_SECRET");
  Answer(200, R"({"access_token": "m"})");
  EXPECT_EQ(Find()->tokens->Token({})->value, "m");
  EXPECT_THAT(asked_.back().url,
              testing::StartsWith("http://169.254.169.254/metadata/identity/oauth2/token"));
  Answer(404);
  EXPECT_THAT(std::string(Find()->tokens->Token({}).status().message()),
              HasSubstr("no Azure credentials: set AZURE_STORAGE_CONNECTION_STRING"));
}

TEST_F(AzureCredentialsTest, ABusyMachineIsAskedAgain) {
  int tries = 0;
  answer_ = [&](const HttpRequest&) -> absl::StatusOr<HttpResponse> {
    if (++tries == 1) return absl::UnavailableError("no answer");
    if (tries == 2) return HttpResponse{.status = 429};
    return HttpResponse{.status = 200, .body = R"({"access_token": "m"})"};
  };
  EXPECT_EQ(Find()->tokens->Token({})->value, "m");
  for (const int status : {410, 429, 500}) {
    Answer(status);
    const absl::Status busy = Find()->tokens->Token({}).status();
    EXPECT_TRUE(absl::IsUnavailable(busy)) << busy;
  }
  answer_ = [](const HttpRequest&) -> absl::StatusOr<HttpResponse> {
    return absl::UnavailableError("nobody is there");
  };
  EXPECT_TRUE(absl::IsUnauthenticated(Find()->tokens->Token({}).status()));
}

TEST_F(AzureCredentialsTest, ATokensLifeMayBeTextOrATime) {
  for (const char* life : {R"("expires_in": "600")", R"("expires_in": 600)",
                           R"("expires_on": "1700000600")", R"("expires_on": 1700000600)"}) {
    Answer(200, StrCat(R"({"access_token": "m", )", life, "}"));
    const auto token = Find()->tokens->Token({});
    ASSERT_TRUE(token.ok()) << token.status();
    EXPECT_EQ(token->expires, clock_.Now() + absl::Seconds(600)) << life;
  }
}

}  // namespace
}  // namespace millrace
