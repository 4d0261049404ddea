#include "connectors/mixpanel/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <map>

#include "base/strings.h"

namespace millrace::mixpanel {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Environment Variables(std::map<std::string, std::string> variables) {
  return [variables](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(std::string(name));
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

class CredentialsFile : public ::testing::Test {
 protected:
  absl::StatusOr<Credentials> Load(const std::string& content, mode_t mode = 0600,
                                   Environment environment = Variables({})) {
    std::ofstream(path_) << content;
    chmod(path_.c_str(), mode);
    auto loaded = LoadCredentials(path_, environment);
    unlink(path_.c_str());
    return loaded;
  }

  const std::string path_ = StrCat(::testing::TempDir(), "/credentials_", getpid(), ".json");
};

TEST(LoadCredentials, ReadsTheEnvironment) {
  const auto loaded = LoadCredentials("", Variables({{"MIXPANEL_TOKEN", "tok\n"},
                                                     {"MIXPANEL_SERVICE_ACCOUNT", "user:se:cret"},
                                                     {"MIXPANEL_API_SECRET", "old"}}));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->token, "tok");
  EXPECT_EQ(loaded->service_account_user, "user");
  EXPECT_EQ(loaded->service_account_secret, "se:cret");
  EXPECT_EQ(loaded->api_secret, "old");
}

TEST(LoadCredentials, TakesAnEmptyVariableForNone) {
  const auto loaded = LoadCredentials("", Variables({{"MIXPANEL_TOKEN", ""}}));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_TRUE(loaded->empty());
}

TEST(LoadCredentials, RefusesBadVariablesWithoutQuotingThem) {
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"MIXPANEL_TOKEN", "hush hush"},
                                                        {"MIXPANEL_TOKEN", "hush\r\nX: y"},
                                                        {"MIXPANEL_TOKEN", "  "},
                                                        {"MIXPANEL_SERVICE_ACCOUNT", "hush"},
                                                        {"MIXPANEL_SERVICE_ACCOUNT", ":hush"},
                                                        {"MIXPANEL_SERVICE_ACCOUNT", "hush:"},
                                                        {"MIXPANEL_API_SECRET", "hush\xC3\xA9"}}) {
    const auto loaded = LoadCredentials("", Variables({{name, value}}));
    EXPECT_EQ(loaded.status().code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_THAT(loaded.status().ToString(), HasSubstr(name));
    EXPECT_THAT(loaded.status().ToString(), Not(HasSubstr("hush")));
  }
}

TEST(LoadCredentials, AnOauthTokenIsForReading) {
  const auto loaded = LoadCredentials("", Variables({{"MIXPANEL_OAUTH_TOKEN", "bearer\n"}}));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_TRUE(loaded->empty());
  EXPECT_TRUE(loaded->can_read());
  EXPECT_EQ(*loaded->ReadAuthorization(), "Bearer bearer");
  EXPECT_EQ(*Credentials().ReadAuthorization(), "");
}

TEST_F(CredentialsFile, NamesAFileOfAnOauthToken) {
  const std::string token = path_ + ".token";
  std::ofstream(token) << "bearer\n";
  chmod(token.c_str(), 0600);
  const auto loaded = Load(StrCat("{\"oauth_token_file\": \"", token, "\"}"), 0600,
                           Variables({{"MIXPANEL_OAUTH_TOKEN", "other"}}));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(*loaded->ReadAuthorization(), "Bearer bearer");
  const auto both = LoadCredentials(
      "", Variables({{"MIXPANEL_OAUTH_TOKEN", "other"}, {"MIXPANEL_OAUTH_TOKEN_FILE", token}}));
  EXPECT_THAT(both.status().ToString(), HasSubstr("not both"));
  unlink(token.c_str());
  const auto gone = LoadCredentials("", Variables({{"MIXPANEL_OAUTH_TOKEN_FILE", token}}));
  EXPECT_TRUE(absl::IsNotFound(gone.status()));
  EXPECT_THAT(gone.status().ToString(), HasSubstr(token));
}

TEST_F(CredentialsFile, IsReadBeforeTheEnvironment) {
  const auto loaded =
      Load(R"({"token": "file", "service_account": {"user": "u", "secret": "s"}})", 0600,
           Variables({{"MIXPANEL_TOKEN", "environment"},
                      {"MIXPANEL_SERVICE_ACCOUNT", "other:account"},
                      {"MIXPANEL_API_SECRET", "added"}}));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->token, "file");
  EXPECT_EQ(loaded->service_account_user, "u");
  EXPECT_EQ(loaded->service_account_secret, "s");
  EXPECT_EQ(loaded->api_secret, "added");
}

TEST_F(CredentialsFile, TakesAServiceAccountAsOneText) {
  const auto loaded = Load(R"({"service_account": "u:s", "api_secret": "a"})");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->service_account_user, "u");
  EXPECT_EQ(loaded->service_account_secret, "s");
  EXPECT_EQ(loaded->api_secret, "a");
}

TEST_F(CredentialsFile, IsRefusedIfOthersCanReadIt) {
  for (const mode_t mode : {0640, 0604, 0660, 0644}) {
    const auto loaded = Load(R"({"token": "t"})", mode);
    EXPECT_EQ(loaded.status().code(), absl::StatusCode::kPermissionDenied) << mode;
    EXPECT_THAT(std::string(loaded.status().message()), HasSubstr(StrCat("chmod 600 ", path_)));
  }
  EXPECT_TRUE(Load(R"({"token": "t"})", 0400).ok());
}

TEST_F(CredentialsFile, IsNeverQuotedInErrors) {
  for (const char* content :
       {"hush", "{\"token\": hush}", "[\"hush\"]", R"({"hush": "x"})", R"({"token": ["hush"]})",
        R"({"token": "hush hush"})", R"({"service_account": "hush"})", R"({"service_account": 1})",
        R"({"service_account": {"user": "hush"}})", R"({"token": "hush)"}) {
    const auto loaded = Load(content);
    EXPECT_EQ(loaded.status().code(), absl::StatusCode::kInvalidArgument) << content;
    EXPECT_THAT(loaded.status().ToString(), Not(HasSubstr("hush")));
    EXPECT_THAT(loaded.status().ToString(), HasSubstr(path_));
  }
}

TEST(LoadCredentials, SaysThatTheFileIsMissing) {
  EXPECT_EQ(LoadCredentials("/no/such/file", Variables({})).status().code(),
            absl::StatusCode::kNotFound);
}

TEST(Credentials, PreferTheServiceAccountThenTheSecretThenTheToken) {
  Credentials credentials;
  EXPECT_TRUE(credentials.empty());
  credentials.token = "t";
  EXPECT_EQ(credentials.Authorization(), "Basic dDo=");  // t:
  credentials.api_secret = "a";
  EXPECT_EQ(credentials.Authorization(), "Basic YTo=");  // a:
  credentials.service_account_user = "u";
  credentials.service_account_secret = "s";
  EXPECT_EQ(credentials.Authorization(), "Basic dTpz");  // u:s
}

TEST(Credentials, DescribeThemselvesWithoutSecrets) {
  Credentials credentials;
  EXPECT_THAT(credentials.Describe("1"), HasSubstr("none"));
  credentials.token = "hush";
  EXPECT_EQ(credentials.Describe("1"), "the project token");
  credentials.api_secret = "hush";
  EXPECT_THAT(credentials.Describe("1"), HasSubstr("the project secret"));
  credentials.service_account_user = "importer.1";
  credentials.service_account_secret = "hush";
  EXPECT_EQ(credentials.Describe("42"), "the service account importer.1 for project 42");
}

TEST(ParseRegion, KnowsThree) {
  EXPECT_EQ(*ParseRegion("us"), Region::kUs);
  EXPECT_EQ(*ParseRegion("EU"), Region::kEu);
  EXPECT_EQ(*ParseRegion("in"), Region::kIn);
  EXPECT_EQ(ParseRegion("uk").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Endpoints, AreThoseOfTheRegion) {
  EXPECT_EQ(Endpoints::ForRegion(Region::kUs).ingestion, "https://api.mixpanel.com");
  EXPECT_EQ(Endpoints::ForRegion(Region::kUs).data, "https://data.mixpanel.com");
  EXPECT_EQ(Endpoints::ForRegion(Region::kUs).query, "https://mixpanel.com");
  EXPECT_EQ(Endpoints::ForRegion(Region::kEu).ingestion, "https://api-eu.mixpanel.com");
  EXPECT_EQ(Endpoints::ForRegion(Region::kIn).query, "https://in.mixpanel.com");
}

TEST(Endpoints, CanAllBeOneUrl) {
  for (const auto& [url, base] : std::vector<std::pair<std::string, std::string>>{
           {"http://127.0.0.1:8080", "http://127.0.0.1:8080"},
           {"http://localhost:8080/", "http://localhost:8080"},
           {"http://[::1]:8080", "http://[::1]:8080"},
           {"https://proxy.example/_mp/", "https://proxy.example/_mp"}}) {
    const auto endpoints = Endpoints::ForUrl(url);
    ASSERT_TRUE(endpoints.ok()) << url << endpoints.status();
    EXPECT_EQ(endpoints->ingestion, base);
    EXPECT_EQ(endpoints->data, base);
    EXPECT_EQ(endpoints->query, base);
  }
}

TEST(Endpoints, RefuseUrlsThatWouldLeakOrMislead) {
  for (const char* url :
       {"http://proxy.example", "https://user:pw@proxy.example", "https://proxy.example?a=b",
        "https://proxy.example#a", "proxy.example", "ftp://proxy.example", ""}) {
    EXPECT_EQ(Endpoints::ForUrl(url).status().code(), absl::StatusCode::kInvalidArgument) << url;
  }
  EXPECT_THAT(std::string(Endpoints::ForUrl("http://proxy.example").status().message()),
              HasSubstr("use https"));
}

}  // namespace
}  // namespace millrace::mixpanel
