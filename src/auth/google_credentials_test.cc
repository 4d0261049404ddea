#include "auth/google_credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "absl/strings/str_replace.h"
#include "auth/testing/credentials_fixture.h"
#include "auth/testing/test_key.h"
#include "base/percent_encoding.h"
#include "base/strings.h"
#include "net/http_server.h"
#include "net/testing/scripted_server.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const TestRsaKey& Key() {
  static const TestRsaKey key;
  return key;
}

// The fields of a form that was posted.
std::map<std::string, std::string> Form(const ScriptedRequest& request) {
  std::map<std::string, std::string> fields;
  for (auto& [name, value] : ParseForm(request.body)) fields[name] = value;
  return fields;
}

ScriptedResponse TokenResponse(const std::string& token = "the-token") {
  return ScriptedResponse::Answer(200, Json{{"access_token", token}, {"expires_in", 3600}}.dump());
}

class GoogleCredentialsTest : public CredentialsTest {
 protected:
  GoogleCredentialsTest() {
    variables_["HOME"] = folder_ + "/home";
    variables_["GCE_METADATA_HOST"] = "127.0.0.1:1";  // nobody is there
  }

  GoogleAuthOptions Options() { return {.environment = environment(), .clock = clock_}; }

  void Serve(ScriptedServer::Script script) { server_.emplace(std::move(script)); }

  // What a request would carry: the token, or the error.
  std::string TokenOf(const absl::StatusOr<GoogleCredentials>& credentials) {
    if (!credentials.ok()) return std::string(ToStd(credentials.status().message()));
    HttpRequest request;
    const absl::Status status = credentials->Authorize(request, {});
    code_ = status.code();
    if (!status.ok()) return std::string(ToStd(status.message()));
    headers_ = request.headers;
    return request.headers.empty() ? "" : request.headers[0].second;
  }
  std::string TokenOf(const Json& file) {
    return TokenOf(ParseGoogleCredentials(file.dump(), "key.json", Options()));
  }

  Json ServiceAccount() const {
    return {{"type", "service_account"},
            {"client_email", "loader@p.iam.gserviceaccount.com"},
            {"private_key_id", "key-1"},
            {"private_key", Key().private_pem()},
            {"token_uri", "https://oauth2.googleapis.com/token"}};
  }
  Json User() const {
    return {{"type", "authorized_user"},      {"client_id", "id"},
            {"client_secret", "user-secret"}, {"refresh_token", "user-refresh"},
            {"quota_project_id", "billed"},   {"token_uri", server_->url() + "/token"}};
  }

  std::optional<ScriptedServer> server_;
  absl::StatusCode code_ = absl::StatusCode::kOk;
  std::vector<std::pair<std::string, std::string>> headers_;
};

TEST_F(GoogleCredentialsTest, AServiceAccountSignsItsOwnToken) {
  const std::string header = TokenOf(ServiceAccount());
  ASSERT_TRUE(header.starts_with("Bearer ")) << header;
  const std::string token = header.substr(7);
  EXPECT_TRUE(Key().HasSigned(token));
  EXPECT_FALSE(TestRsaKey().HasSigned(token)) << "another key";
  const Json claims = Json::parse(JwtClaims(token));
  EXPECT_EQ(claims["iss"], "loader@p.iam.gserviceaccount.com");
  EXPECT_EQ(claims["sub"], claims["iss"]);
  EXPECT_EQ(claims["scope"], "https://www.googleapis.com/auth/cloud-platform");
  EXPECT_EQ(claims["iat"], absl::ToUnixSeconds(clock_.Now()));
  EXPECT_EQ(claims["exp"], absl::ToUnixSeconds(clock_.Now()) + 3600);
  EXPECT_FALSE(claims.contains("aud"));
}

TEST_F(GoogleCredentialsTest, AServiceAccountAsksATokenEndpointOfItsOwn) {
  Serve([](const ScriptedRequest&) { return TokenResponse(); });
  Json file = ServiceAccount();
  file["token_uri"] = server_->url() + "/token";
  EXPECT_EQ(TokenOf(file), "Bearer the-token");
  auto form = Form(server_->requests()[0]);
  EXPECT_EQ(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
  EXPECT_TRUE(Key().HasSigned(form["assertion"]));
  const Json claims = Json::parse(JwtClaims(form["assertion"]));
  EXPECT_EQ(claims["aud"], file["token_uri"]);
  EXPECT_FALSE(claims.contains("sub"));
}

TEST_F(GoogleCredentialsTest, AnotherUniverseSignsAndNamesItsHosts) {
  Json file = ServiceAccount();
  file["universe_domain"] = "example.goog";
  file["token_uri"] = "https://oauth2.example.goog/token";
  const auto credentials = ParseGoogleCredentials(file.dump(), "key.json", Options());
  ASSERT_TRUE(credentials.ok()) << credentials.status();
  EXPECT_EQ(credentials->universe_domain, "example.goog");
  EXPECT_TRUE(Key().HasSigned(TokenOf(credentials).substr(7)));
}

TEST_F(GoogleCredentialsTest, AUserRefreshesAndNamesTheQuotaProject) {
  Serve([](const ScriptedRequest&) { return TokenResponse(); });
  EXPECT_EQ(TokenOf(User()), "Bearer the-token");
  EXPECT_THAT(headers_, testing::Contains(testing::Pair("x-goog-user-project", "billed")));
  auto form = Form(server_->requests()[0]);
  EXPECT_EQ(form["grant_type"], "refresh_token");
  EXPECT_EQ(form["client_secret"], "user-secret");
  EXPECT_EQ(form["refresh_token"], "user-refresh");
  variables_["GOOGLE_CLOUD_QUOTA_PROJECT"] = "other";
  TokenOf(User());
  EXPECT_THAT(headers_, testing::Contains(testing::Pair("x-goog-user-project", "other")));
}

TEST_F(GoogleCredentialsTest, ARefusalSaysWhyAndHoldsNoSecret) {
  Serve([](const ScriptedRequest& request) {
    const bool echo = request.line().find("echo") != std::string::npos;
    return ScriptedResponse::Answer(
        400, Json{{"error", "invalid_grant"},
                  {"error_description", echo ? "bad user-refresh" : "Token has been revoked"}}
                 .dump());
  });
  const std::string error = TokenOf(User());
  EXPECT_EQ(code_, absl::StatusCode::kUnauthenticated);
  EXPECT_THAT(error, AllOf(HasSubstr("key.json"), HasSubstr("invalid_grant: Token has been"),
                           HasSubstr("400"), Not(HasSubstr("user-"))));
  Json file = User();
  file["token_uri"] = server_->url() + "/echo";
  EXPECT_THAT(TokenOf(file), AllOf(HasSubstr("400"), Not(HasSubstr("user-refresh"))));
}

TEST_F(GoogleCredentialsTest, ARefusalOfWhatAWrongClockSignedNamesHowFarItIsOff) {
  absl::Duration skew = -absl::Minutes(20);
  Serve([&](const ScriptedRequest&) {
    return ScriptedResponse::Answer(
        400,
        Json{{"error", "invalid_grant"},
             {"error_description",
              "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable "
              "timeframe. Check your iat and exp values in the JWT claim."}}
            .dump(),
        {{"Date", absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", clock_.Now() + skew,
                                   absl::UTCTimeZone())}});
  });
  Json file = ServiceAccount();
  file["token_uri"] = server_->url() + "/token";
  EXPECT_THAT(TokenOf(file), AllOf(HasSubstr("short-lived token"),
                                   HasSubstr("; this machine's clock is off by 20 minutes; correct "
                                             "it (e.g. with NTP)")));
  EXPECT_EQ(code_, absl::StatusCode::kUnauthenticated);
  // A refresh token has nothing to do with the clock.
  EXPECT_THAT(TokenOf(User()), Not(HasSubstr("clock")));
  skew = absl::Seconds(30);
  EXPECT_THAT(TokenOf(file), Not(HasSubstr("clock")));
}

TEST_F(GoogleCredentialsTest, TroubleOfTheEndpointPasses) {
  int requests = 0;
  Serve([&](const ScriptedRequest&) {
    return ++requests == 1 ? ScriptedResponse::Answer(503, "<html>busy</html>") : TokenResponse();
  });
  const auto credentials = ParseGoogleCredentials(User().dump(), "key.json", Options());
  TokenOf(credentials);
  EXPECT_EQ(code_, absl::StatusCode::kUnavailable);
  EXPECT_EQ(TokenOf(credentials), "Bearer the-token");
}

TEST_F(GoogleCredentialsTest, AnAnswerWithoutATokenIsNone) {
  for (const char* body : {"", "[]", "{\"access_token\": \"a\\nb\"}", "{\"access_token\": 7}"}) {
    Serve([&](const ScriptedRequest&) { return ScriptedResponse::Answer(200, body); });
    TokenOf(User());
    EXPECT_EQ(code_, absl::StatusCode::kUnavailable) << body;
  }
}

TEST_F(GoogleCredentialsTest, SecretsDoNotTravelInTheClear) {
  Json file = ServiceAccount();
  file["token_uri"] = "http://example.com/token";
  EXPECT_THAT(TokenOf(file), AllOf(HasSubstr("token_uri"), HasSubstr("https")));
}

TEST_F(GoogleCredentialsTest, ImpersonationWrapsOtherCredentials) {
  Serve([this](const ScriptedRequest& request) {
    if (request.line().find("/token") != std::string::npos) return TokenResponse("source-token");
    EXPECT_EQ(request.header("authorization"), "Bearer source-token");
    EXPECT_EQ(Json::parse(request.body),
              Json({{"scope", {"https://www.googleapis.com/auth/cloud-platform"}},
                    {"lifetime", "3600s"},
                    {"delegates", {"projects/-/serviceAccounts/middle"}}}));
    const std::string until =
        absl::FormatTime(absl::RFC3339_sec, clock_.Now() + absl::Hours(1), absl::UTCTimeZone());
    return ScriptedResponse::Answer(
        200, Json{{"accessToken", "their-token"}, {"expireTime", until}}.dump());
  });
  const Json file = {{"type", "impersonated_service_account"},
                     {"service_account_impersonation_url",
                      server_->url() + "/v1/projects/-/serviceAccounts/them@p:generateAccessToken"},
                     {"delegates", {"projects/-/serviceAccounts/middle"}},
                     {"source_credentials", User()}};
  EXPECT_EQ(TokenOf(file), "Bearer their-token");
  EXPECT_EQ(TokenOf(file), "Bearer their-token");
}

TEST_F(GoogleCredentialsTest, ARefusedImpersonationIsPermission) {
  Serve([](const ScriptedRequest& request) {
    if (request.line().find("/token") != std::string::npos) return TokenResponse("source-token");
    return ScriptedResponse::Answer(
        403,
        Json{{"error", {{"code", 403}, {"message", "iam.serviceAccounts.getAccessToken denied"}}}}
            .dump());
  });
  const Json file = {{"type", "impersonated_service_account"},
                     {"service_account_impersonation_url", server_->url() + "/them"},
                     {"source_credentials", User()}};
  EXPECT_THAT(TokenOf(file), HasSubstr("getAccessToken denied"));
  EXPECT_EQ(code_, absl::StatusCode::kPermissionDenied);
}

TEST_F(GoogleCredentialsTest, TheOrderIsVariableThenWellKnownFileThenMetadata) {
  Serve([](const ScriptedRequest& request) {
    EXPECT_EQ(request.header("metadata-flavor"), "Google");
    ScriptedResponse reply = ScriptedResponse::Answer(
        200, Json{{"access_token", "machine"}, {"expires_in", 3600}}.dump(),
        {{"Metadata-Flavor", "Google"}});
    return reply;
  });
  variables_["GCE_METADATA_HOST"] = server_->url().substr(7);
  EXPECT_EQ(TokenOf(FindGoogleCredentials(Options())), "Bearer machine");

  Write("home/.config/gcloud/application_default_credentials.json", ServiceAccount().dump());
  auto credentials = FindGoogleCredentials(Options());
  ASSERT_TRUE(credentials.ok()) << credentials.status();
  EXPECT_THAT(credentials->description, HasSubstr("home/.config/gcloud"));

  Write("config/application_default_credentials.json", ServiceAccount().dump());
  variables_["CLOUDSDK_CONFIG"] = folder_ + "/config";
  EXPECT_THAT(FindGoogleCredentials(Options())->description, HasSubstr("/config/appl"));

  variables_["GOOGLE_APPLICATION_CREDENTIALS"] = Write("key.json", ServiceAccount().dump());
  EXPECT_THAT(FindGoogleCredentials(Options())->description,
              AllOf(HasSubstr("loader@p"), HasSubstr("GOOGLE_APPLICATION_CREDENTIALS")));
}

TEST_F(GoogleCredentialsTest, AServiceAccountOfVariablesComesFirst) {
  variables_["GOOGLE_APPLICATION_CREDENTIALS"] = Write("key.json", ServiceAccount().dump());
  variables_["MILLRACE_GOOGLE_EMAIL"] = "inline@p.iam.gserviceaccount.com";
  EXPECT_THAT(TokenOf(FindGoogleCredentials(Options())), HasSubstr("need each other"));
  const std::string& pem = Key().private_pem();
  for (const std::string& key : {pem, absl::StrReplaceAll(pem, {{"\n", "\\n"}})}) {
    variables_["MILLRACE_GOOGLE_PRIVATE_KEY"] = key;
    const auto credentials = FindGoogleCredentials(Options());
    ASSERT_TRUE(credentials.ok()) << credentials.status();
    EXPECT_THAT(credentials->description, HasSubstr("inline@p"));
    const std::string token = TokenOf(credentials).substr(std::string("Bearer ").size());
    EXPECT_TRUE(Key().HasSigned(token));
    EXPECT_EQ(Json::parse(JwtClaims(token)).at("iss"), "inline@p.iam.gserviceaccount.com");
  }
  variables_["MILLRACE_GOOGLE_PRIVATE_KEY"] = "hidden";
  EXPECT_THAT(TokenOf(FindGoogleCredentials(Options())),
              AllOf(HasSubstr("MILLRACE_GOOGLE_PRIVATE_KEY"), Not(HasSubstr("hidden"))));
}

TEST_F(GoogleCredentialsTest, ABadFileIsAnErrorAndNotPassedOver) {
  Write("home/.config/gcloud/application_default_credentials.json", ServiceAccount().dump());
  variables_["GOOGLE_APPLICATION_CREDENTIALS"] = folder_ + "/absent.json";
  EXPECT_THAT(TokenOf(FindGoogleCredentials(Options())), HasSubstr("absent.json"));
  Json no_key = ServiceAccount();
  no_key["private_key"] = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";
  for (const std::string& text :
       {std::string("{\"secret-text\": "), std::string("[]"), std::string("{}"),
        Json{{"type", "secret-text"}}.dump(), no_key.dump()}) {
    variables_["GOOGLE_APPLICATION_CREDENTIALS"] = Write("bad.json", text);
    const auto credentials = FindGoogleCredentials(Options());
    EXPECT_TRUE(absl::IsInvalidArgument(credentials.status())) << credentials.status();
    EXPECT_THAT(TokenOf(credentials), AllOf(HasSubstr("bad.json"), Not(HasSubstr("secret-text")),
                                            Not(HasSubstr("c2VjcmV0"))));
  }
  variables_.erase("GOOGLE_APPLICATION_CREDENTIALS");
  Write("home/.config/gcloud/application_default_credentials.json", "{");
  EXPECT_THAT(TokenOf(FindGoogleCredentials(Options())), HasSubstr("application_default"));
}

TEST_F(GoogleCredentialsTest, NoCredentialsAtAllSayWhatToDo) {
  EXPECT_THAT(TokenOf(FindGoogleCredentials(Options())),
              HasSubstr("set GOOGLE_APPLICATION_CREDENTIALS"));
  EXPECT_EQ(code_, absl::StatusCode::kUnauthenticated);
  // Some other server at that address is no metadata server.
  Serve([](const ScriptedRequest&) { return TokenResponse(); });
  variables_["GCE_METADATA_HOST"] = server_->url().substr(7);
  TokenOf(FindGoogleCredentials(Options()));
  EXPECT_EQ(code_, absl::StatusCode::kUnauthenticated);
}

TEST_F(GoogleCredentialsTest, AMetadataServerThatIsNotReadyIsAskedAgain) {
  std::atomic<int> tries = 0;
  Serve([&](const ScriptedRequest&) {
    if (++tries == 1) return ScriptedResponse{.close = true};
    if (tries == 2) return ScriptedResponse::Answer(503, "", {{"Metadata-Flavor", "Google"}});
    return ScriptedResponse::Answer(200, R"({"access_token": "machine", "expires_in": 3600})",
                                    {{"Metadata-Flavor", "Google"}});
  });
  variables_["GCE_METADATA_HOST"] = server_->url().substr(7);
  EXPECT_EQ(TokenOf(FindGoogleCredentials(Options())), "Bearer machine");
}

TEST_F(GoogleCredentialsTest, AWellKnownFileThatCannotBeReadIsNotPassedOver) {
  variables_["CLOUDSDK_CONFIG"] = folder_ + "/loop";
  ASSERT_EQ(::symlink("loop", (folder_ + "/loop").c_str()), 0);  // as no permission is for root
  EXPECT_THAT(TokenOf(FindGoogleCredentials(Options())), HasSubstr(folder_ + "/loop/"));
}

TEST_F(GoogleCredentialsTest, EmulatorsNeedNone) {
  EXPECT_EQ(EmulatorUrl(Options().environment, "FIRESTORE_EMULATOR_HOST"), std::nullopt);
  variables_["FIRESTORE_EMULATOR_HOST"] = "localhost:8080";
  EXPECT_EQ(EmulatorUrl(Options().environment, "FIRESTORE_EMULATOR_HOST"), "http://localhost:8080");
  variables_["FIRESTORE_EMULATOR_HOST"] = "http://localhost:8080/";
  EXPECT_EQ(EmulatorUrl(Options().environment, "FIRESTORE_EMULATOR_HOST"), "http://localhost:8080");
  EXPECT_EQ(TokenOf(NoGoogleCredentials()), "Bearer owner");
  EXPECT_EQ(TokenOf(NoGoogleCredentials("")), "");
}

// Workload identity federation.
class ExternalAccountTest : public GoogleCredentialsTest {
 protected:
  void ServeExchange() {
    Serve([this](const ScriptedRequest& request) {
      if (request.line().find("/subject") != std::string::npos) {
        EXPECT_EQ(request.header("x-flavour"), "pods");
        return ScriptedResponse::Answer(200, "{\"jwt\": \"pod-token\"}");
      }
      if (request.line().find("/latest/api/token") != std::string::npos) {
        return ScriptedResponse::Answer(200, "imds-session");
      }
      if (request.line().find("/latest/") != std::string::npos) {
        EXPECT_EQ(request.header("x-aws-ec2-metadata-token"), "imds-session");
        if (request.line().find("/zone") != std::string::npos) {
          return ScriptedResponse::Answer(200, "us-east-2c");
        }
        if (request.line().find("/keys/role") == std::string::npos) {
          return ScriptedResponse::Answer(200, "role");
        }
        return ScriptedResponse::Answer(200, Json{{"AccessKeyId", "AKID"},
                                                  {"SecretAccessKey", "aws-secret"},
                                                  {"Token", "aws-session"}}
                                                 .dump());
      }
      exchanged_ = Form(request);
      authorization_ = request.header("authorization");
      return TokenResponse("federated");
    });
  }

  Json External(const Json& source) const {
    return {{"type", "external_account"},
            {"audience", "//iam.googleapis.com/projects/1/locations/global/pools/p/providers/q"},
            {"subject_token_type", "urn:ietf:params:oauth:token-type:jwt"},
            {"token_url", server_->url() + "/v1/token"},
            {"credential_source", source}};
  }

  std::map<std::string, std::string> exchanged_;
  std::string authorization_;
};

TEST_F(ExternalAccountTest, ATokenFromAFileIsReadAnewAndExchanged) {
  ServeExchange();
  const std::string path = Write("token", "first\n");
  const auto credentials =
      ParseGoogleCredentials(External({{"file", path}}).dump(), "wif.json", Options());
  EXPECT_EQ(TokenOf(credentials), "Bearer federated");
  EXPECT_EQ(exchanged_["subject_token"], "first");
  EXPECT_EQ(exchanged_["grant_type"], "urn:ietf:params:oauth:grant-type:token-exchange");
  EXPECT_EQ(exchanged_["audience"],
            "//iam.googleapis.com/projects/1/locations/global/pools/p/providers/q");
  EXPECT_EQ(exchanged_["subject_token_type"], "urn:ietf:params:oauth:token-type:jwt");
  EXPECT_EQ(exchanged_["requested_token_type"], "urn:ietf:params:oauth:token-type:access_token");
  EXPECT_EQ(exchanged_["scope"], "https://www.googleapis.com/auth/cloud-platform");
  Write("token", "second");
  clock_.Advance(absl::Hours(1));
  TokenOf(credentials);
  EXPECT_EQ(exchanged_["subject_token"], "second");
  fs::remove(path);
  clock_.Advance(absl::Hours(1));
  EXPECT_THAT(TokenOf(credentials), HasSubstr(path));
}

TEST_F(ExternalAccountTest, ATokenFromAUrlIsPickedFromJson) {
  ServeExchange();
  Json file = External({{"url", server_->url() + "/subject"},
                        {"headers", {{"x-flavour", "pods"}}},
                        {"format", {{"type", "json"}, {"subject_token_field_name", "jwt"}}}});
  file["client_id"] = "app";
  file["client_secret"] = "app-secret";
  file["workforce_pool_user_project"] = "12";
  EXPECT_EQ(TokenOf(file), "Bearer federated");
  EXPECT_EQ(exchanged_["subject_token"], "pod-token");
  EXPECT_EQ(exchanged_["options"], "{\"userProject\":\"12\"}");
  EXPECT_EQ(authorization_, BasicAuthorization("app", "app-secret"));
}

TEST_F(ExternalAccountTest, AwsSignsWhoItIs) {
  ServeExchange();
  const Json source = {
      {"environment_id", "aws1"},
      {"region_url", server_->url() + "/latest/zone"},
      {"url", server_->url() + "/latest/keys"},
      {"imdsv2_session_token_url", server_->url() + "/latest/api/token"},
      {"regional_cred_verification_url",
       "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"}};
  for (const std::string region : {"us-east-2", "eu-west-1"}) {
    EXPECT_EQ(TokenOf(External(source)), "Bearer federated");
    const Json subject = Json::parse(UrlDecode(exchanged_["subject_token"], false));
    EXPECT_EQ(subject["url"], "https://sts." + region +
                                  ".amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15");
    EXPECT_EQ(subject["method"], "POST");
    std::map<std::string, std::string> headers;
    for (const Json& header : subject["headers"]) headers[header["key"]] = header["value"];
    EXPECT_EQ(headers["x-goog-cloud-target-resource"], exchanged_["audience"]);
    EXPECT_THAT(headers["Authorization"], HasSubstr("/" + region + "/sts/aws4_request"));
    EXPECT_THAT(headers["Authorization"], Not(HasSubstr("aws-secret")));
    // Next time from the environment, without a question to the machine.
    variables_["AWS_REGION"] = "eu-west-1";
    variables_["AWS_ACCESS_KEY_ID"] = "AKID";
    variables_["AWS_SECRET_ACCESS_KEY"] = "aws-secret";
  }
}

TEST_F(ExternalAccountTest, AProgramRunsOnlyIfAllowed) {
  ServeExchange();
  const std::string script =
      Write("give",
            "#!/bin/sh\n"
            "test \"$GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE\" = 0 || exit 9\n"
            "echo '{\"version\": 1, \"success\": true, \"token_type\": "
            "\"urn:ietf:params:oauth:token-type:jwt\", \"id_token\": \"printed-'$1'\"}'\n");
  fs::permissions(script, fs::perms::owner_all);
  const Json file = External({{"executable", {{"command", script + " x"}}}});
  EXPECT_THAT(TokenOf(file), HasSubstr("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1"));
  variables_["GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES"] = "1";
  EXPECT_EQ(TokenOf(file), "Bearer federated");
  EXPECT_EQ(exchanged_["subject_token"], "printed-x");

  Write("give", "#!/bin/sh\necho '{\"version\": 1, \"success\": false, \"code\": \"401\"}'\n");
  EXPECT_THAT(TokenOf(file), HasSubstr("401"));
  Write("give", "#!/bin/sh\nexit 3\n");
  EXPECT_THAT(TokenOf(file), HasSubstr("exit status 3"));
  const std::string started = folder_ + "/started";
  Write("give", StrCat("#!/bin/sh\ntouch ", started, "\nexec sleep 600\n"));
  std::stop_source stop;
  std::thread stopper([&] {
    while (!fs::exists(started)) std::this_thread::yield();
    stop.request_stop();
  });
  const auto credentials = ParseGoogleCredentials(file.dump(), "wif.json", Options());
  EXPECT_TRUE(absl::IsCancelled(credentials->tokens->Token(stop.get_token()).status()));
  stopper.join();
}

TEST_F(ExternalAccountTest, WhatIsNotSupportedIsNamed) {
  Serve([](const ScriptedRequest&) { return TokenResponse(); });
  EXPECT_THAT(TokenOf(External({{"certificate", Json::object()}})), HasSubstr("certificates"));
  EXPECT_THAT(TokenOf(External(Json())), HasSubstr("credential_source"));
}

}  // namespace
}  // namespace millrace
