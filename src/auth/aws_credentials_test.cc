#include "auth/aws_credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "auth/testing/credentials_fixture.h"

namespace millrace {
namespace {

using testing::HasSubstr;
using testing::Not;

class AwsCredentialsTest : public CredentialsTest {
 protected:
  absl::StatusOr<AwsCredentials> Find() {
    return FindAwsCredentials(
        {.environment = environment(), .new_http = new_http(), .clock = clock_});
  }

  // "id/secret/session", or the error's text.
  std::string Keys() {
    const auto found = Find();
    if (!found.ok()) return std::string(found.status().message());
    const auto keys = found->keys->Keys({});
    if (!keys.ok()) return std::string(keys.status().message());
    return keys->access_key_id + "/" + keys->secret_access_key + "/" + keys->session_token;
  }

  static HttpResponse Sts() {
    return {.status = 200,
            .body =
                "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>RK</AccessKeyId>"
                "<SecretAccessKey>RS</SecretAccessKey><SessionToken>RT==</SessionToken>"
                "<Expiration>2023-11-14T23:00:00Z</Expiration></Credentials></AssumeRoleResult>"
                "</AssumeRoleResponse>"};
  }
};

TEST_F(AwsCredentialsTest, TheEnvironmentComesFirst) {
  Write(".aws/credentials", "[default]\naws_access_key_id=F\naws_secret_access_key=G\n");
  variables_["AWS_ACCESS_KEY_ID"] = "A";
  variables_["AWS_SECRET_ACCESS_KEY"] = "B";
  EXPECT_EQ(Keys(), "A/B/");
  variables_["AWS_SESSION_TOKEN"] = "C";
  EXPECT_EQ(Keys(), "A/B/C");
  variables_["AWS_PROFILE"] = "default";  // an explicit profile wins
  EXPECT_EQ(Keys(), "F/G/");
}

TEST_F(AwsCredentialsTest, ProfilesOfBothFilesAreOne) {
  Write(".aws/credentials", "[work]\naws_access_key_id = W # mine\naws_secret_access_key = X\n");
  Write(".aws/config",
        "[profile work]\nregion = eu-west-1\ns3 =\n  region = nested\nendpoint_url=http://h:1/\n");
  variables_["AWS_PROFILE"] = "work";
  EXPECT_EQ(Keys(), "W/X/");
  EXPECT_EQ(Find()->region, "eu-west-1");
  EXPECT_EQ(Find()->s3_endpoint, "http://h:1/");
  variables_["AWS_REGION"] = "us-west-2";
  variables_["AWS_ENDPOINT_URL_S3"] = "http://s3:2";
  EXPECT_EQ(Find()->region, "us-west-2");
  EXPECT_EQ(Find()->s3_endpoint, "http://s3:2");
  variables_["AWS_PROFILE"] = "nobody";
  EXPECT_THAT(Keys(), HasSubstr("there is no AWS profile nobody"));
}

TEST_F(AwsCredentialsTest, AssumesTheRoleOfAProfile) {
  Write(".aws/config",
        "[profile base]\naws_access_key_id=A\naws_secret_access_key=very-secret\n"
        "[profile role]\nrole_arn=arn:aws:iam::1:role/r\nsource_profile=base\nexternal_id=e&x\n"
        "region=eu-west-1\n");
  variables_["AWS_PROFILE"] = "role";
  answer_ = [](const HttpRequest&) { return Sts(); };
  EXPECT_EQ(Keys(), "RK/RS/RT==");
  EXPECT_THAT(Lines(), testing::ElementsAre("POST https://sts.eu-west-1.amazonaws.com/"));
  EXPECT_THAT(asked_[0].body, HasSubstr("Action=AssumeRole&"));
  EXPECT_THAT(asked_[0].body, HasSubstr("ExternalId=e%26x"));
  EXPECT_THAT(asked_.back().header("Authorization"),
              HasSubstr("Credential=A/20231114/eu-west-1/sts/"));

  answer_ = [](const HttpRequest&) { return HttpResponse{.status = 403}; };
  EXPECT_THAT(Keys(), HasSubstr("assuming the role arn:aws:iam::1:role/r"));
  EXPECT_THAT(Keys(), Not(HasSubstr("very-secret")));
}

TEST_F(AwsCredentialsTest, ARoleThatAWrongClockAskedForNamesHowFarItIsOff) {
  Write(".aws/config",
        "[default]\nrole_arn=r\nsource_profile=base\n"
        "[profile base]\naws_access_key_id=A\naws_secret_access_key=B\n");
  answer_ = [this](const HttpRequest&) {
    return HttpResponse{.status = 403,
                        .headers = {{"date", absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT",
                                                              clock_.Now() + absl::Minutes(20),
                                                              absl::UTCTimeZone())}}};
  };
  EXPECT_THAT(Keys(), HasSubstr("; this machine's clock is off by 20 minutes; correct it"));
}

TEST_F(AwsCredentialsTest, ARoleThatIsRefusedSaysWhy) {
  Write(".aws/config",
        "[default]\nrole_arn=r\nsource_profile=base\n"
        "[profile base]\naws_access_key_id=A\naws_secret_access_key=B\n");
  answer_ = [](const HttpRequest&) {
    return HttpResponse{.status = 403,
                        .body =
                            "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>"
                            "<Message>User &quot;u&quot; may not &amp;c.</Message></Error>"
                            "</ErrorResponse>"};
  };
  EXPECT_THAT(Keys(), HasSubstr("answered 403: AccessDenied: User \"u\" may not &c."));

  variables_["AWS_ROLE_ARN"] = "r";
  variables_["AWS_WEB_IDENTITY_TOKEN_FILE"] = Write("token", "jwt.of.pod\n");
  answer_ = [](const HttpRequest&) {
    return HttpResponse{.status = 400, .body = "<Error><Message>bad jwt.of.pod</Message></Error>"};
  };
  EXPECT_THAT(Keys(), testing::AllOf(HasSubstr("answered 400"), Not(HasSubstr("jwt.of.pod"))));
}

TEST_F(AwsCredentialsTest, RolesAreAskedForInTheRegionsPartition) {
  answer_ = [](const HttpRequest&) { return Sts(); };
  Write(".aws/config",
        "[default]\nrole_arn=r\nsource_profile=base\n"
        "[profile base]\naws_access_key_id=A\naws_secret_access_key=B\n");
  variables_["AWS_REGION"] = "cn-north-1";
  EXPECT_EQ(Keys(), "RK/RS/RT==");
  variables_["AWS_REGION"] = "us-gov-west-1";
  EXPECT_EQ(Keys(), "RK/RS/RT==");
  EXPECT_THAT(Lines(), testing::ElementsAre("POST https://sts.cn-north-1.amazonaws.com.cn/",
                                            "POST https://sts.us-gov-west-1.amazonaws.com/"));
}

TEST_F(AwsCredentialsTest, NamesOfProfilesMayBeQuoted) {
  Write(".aws/config",
        "[profile \"a b\"]\naws_access_key_id=A\naws_secret_access_key=B\n"
        "[profile 'c']\naws_access_key_id=C\naws_secret_access_key=D\n"
        "[profiled]\naws_access_key_id=E\naws_secret_access_key=F\n");
  variables_["AWS_PROFILE"] = "a b";
  EXPECT_EQ(Keys(), "A/B/");
  variables_["AWS_PROFILE"] = "c";
  EXPECT_EQ(Keys(), "C/D/");
  variables_["AWS_PROFILE"] = "d";
  EXPECT_THAT(Keys(), HasSubstr("there is no AWS profile d"));
}

TEST_F(AwsCredentialsTest, AProcessIsFoundOnPath) {
  Write(".aws/config", "[default]\ncredential_process = sh -c 'cat \"$HOME_OF_TEST/keys\"'\n");
  Write("keys", R"({"Version":1,"AccessKeyId":"P","SecretAccessKey":"S"})");
  ::setenv("HOME_OF_TEST", folder_.c_str(), 1);
  EXPECT_EQ(Keys(), "P/S/");
  Write(".aws/config", "[default]\ncredential_process = millrace-no-such-program\n");
  EXPECT_THAT(Keys(), HasSubstr("starting millrace-no-such-program"));
}

TEST_F(AwsCredentialsTest, TheMachineIsNotAskedWhereThatIsDisabled) {
  for (const char* yes : {"true", "TRUE", "True"}) {
    variables_["AWS_EC2_METADATA_DISABLED"] = yes;
    EXPECT_THAT(Keys(), HasSubstr("no AWS keys"));
  }
  EXPECT_TRUE(asked_.empty());
  variables_["AWS_EC2_METADATA_DISABLED"] = "false";
  EXPECT_THAT(Keys(), HasSubstr("no AWS keys"));
  EXPECT_FALSE(asked_.empty());
}

TEST_F(AwsCredentialsTest, ABusyMachineIsAskedAgain) {
  const std::string keys = R"({"AccessKeyId":"K","SecretAccessKey":"S","Token":"T"})";
  int tries = 0;
  answer_ = [&](const HttpRequest& request) -> absl::StatusOr<HttpResponse> {
    ++tries;
    if (tries == 1) return absl::UnavailableError("no answer");
    if (tries % 2 == 0) return HttpResponse{.status = tries % 4 == 0 ? 503 : 429};
    if (request.method == "PUT") return HttpResponse{.status = 200, .body = "session"};
    return HttpResponse{.status = 200, .body = request.url.ends_with("/") ? "role" : keys};
  };
  EXPECT_EQ(Keys(), "K/S/T");
}

// Once the service is known to exist, the retry policy decides whether to wait longer.
TEST_F(AwsCredentialsTest, AMachineThatStaysBusyIsUnavailable) {
  answer_ = [](const HttpRequest&) { return HttpResponse{.status = 503}; };
  const absl::Status busy = Find()->keys->Keys({}).status();
  EXPECT_TRUE(absl::IsUnavailable(busy)) << busy;
  EXPECT_EQ(asked_.size(), 3);
  answer_ = [](const HttpRequest&) -> absl::StatusOr<HttpResponse> {
    return absl::UnavailableError("nobody is there");
  };
  const absl::Status absent = Find()->keys->Keys({}).status();
  EXPECT_TRUE(absl::IsUnauthenticated(absent)) << absent;
  EXPECT_THAT(std::string(absent.message()), HasSubstr("(nobody is there)"));
}

TEST_F(AwsCredentialsTest, ProfilesThatLeadInACircleAreAnError) {
  Write(".aws/config",
        "[profile a]\nrole_arn=r\nsource_profile=b\n[profile b]\nrole_arn=r\nsource_profile=a\n");
  variables_["AWS_PROFILE"] = "a";
  EXPECT_THAT(Keys(), HasSubstr("source_profile refers back to itself"));
}

TEST_F(AwsCredentialsTest, WebIdentityAsksWithTheTokenOfTheFile) {
  variables_["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/pod";
  variables_["AWS_WEB_IDENTITY_TOKEN_FILE"] = Write("token", "jwt.of.pod\n");
  answer_ = [](const HttpRequest&) { return Sts(); };
  EXPECT_EQ(Keys(), "RK/RS/RT==");
  EXPECT_THAT(asked_[0].body, HasSubstr("Action=AssumeRoleWithWebIdentity&"));
  EXPECT_THAT(asked_[0].body, HasSubstr("WebIdentityToken=jwt.of.pod"));
  EXPECT_EQ(asked_.back().header("Authorization"), "");
}

TEST_F(AwsCredentialsTest, ContainersAndMachinesAreAsked) {
  const std::string keys =
      R"({"AccessKeyId":"K","SecretAccessKey":"S","Token":"T","Expiration":"2023-11-15T00:00:00Z"})";
  variables_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://evil.example/keys";
  EXPECT_THAT(Keys(), HasSubstr("in the clear"));
  variables_["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/v2/keys";
  answer_ = [&](const HttpRequest&) { return HttpResponse{.status = 200, .body = keys}; };
  EXPECT_EQ(Keys(), "K/S/T");
  EXPECT_EQ(asked_.back().line(), "GET http://169.254.170.2/v2/keys");

  variables_.erase("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  variables_.erase("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  asked_.clear();
  answer_ = [&](const HttpRequest& request) -> HttpResponse {
    if (request.method == "PUT") return {.status = 200, .body = "session"};
    EXPECT_EQ(request.headers.front().second, "session");
    if (request.url.ends_with("/")) return {.status = 200, .body = "role-name"};
    return {.status = 200, .body = keys};
  };
  EXPECT_EQ(Keys(), "K/S/T");
  EXPECT_THAT(
      Lines(),
      testing::ElementsAre(
          "PUT http://169.254.169.254/latest/api/token",
          "GET http://169.254.169.254/latest/meta-data/iam/security-credentials/",
          "GET http://169.254.169.254/latest/meta-data/iam/security-credentials/role-name"));
  answer_ = [](const HttpRequest&) { return HttpResponse{.status = 404}; };
  EXPECT_THAT(Keys(), HasSubstr("no AWS keys: set AWS_ACCESS_KEY_ID"));
}

}  // namespace
}  // namespace millrace
