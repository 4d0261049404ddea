#include "auth/aws_signature.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "auth/crypto.h"

namespace millrace {
namespace {

using testing::HasSubstr;

// The published test suite of Signature Version 4 and its example keys.
class AwsSignatureTest : public testing::Test {
 protected:
  AwsSignatureTest() {
    std::string error;
    EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, "2015-08-30T12:36:00Z", &now_, &error));
  }

  std::string Authorization(const std::string& url) {
    const auto headers = SignAwsRequest(
        {.url = url, .payload_sha256 = Sha256Hex(""), .region = "us-east-1", .service = "service"},
        keys_, now_);
    EXPECT_TRUE(headers.ok()) << headers.status();
    return headers.ok() ? headers->back().second : "";
  }

  const AwsKeys keys_ = {"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""};
  absl::Time now_;
};

TEST_F(AwsSignatureTest, GetVanilla) {
  EXPECT_EQ(Authorization("https://example.amazonaws.com/"),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
            "SignedHeaders=host;x-amz-date, "
            "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
}

TEST_F(AwsSignatureTest, QueryInAnyOrder) {
  EXPECT_THAT(
      Authorization("https://example.amazonaws.com/?Param2=value2&Param1=value1"),
      HasSubstr("Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"));
}

TEST_F(AwsSignatureTest, ASessionTokenIsSignedToo) {
  const auto headers = SignAwsRequest({.url = "http://127.0.0.1:9000/b/k",
                                       .headers = {{"X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"}},
                                       .payload_sha256 = "UNSIGNED-PAYLOAD",
                                       .region = "eu-west-1",
                                       .service = "s3"},
                                      {"id", "secret", "session"}, now_);
  ASSERT_TRUE(headers.ok());
  EXPECT_THAT(*headers, testing::Contains(testing::Pair("X-Amz-Security-Token", "session")));
  EXPECT_THAT(*headers, testing::Contains(testing::Pair("Host", "127.0.0.1:9000")));
  EXPECT_THAT(headers->back().second,
              HasSubstr("SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token"));
}

TEST_F(AwsSignatureTest, ABadUrlIsAnError) {
  EXPECT_TRUE(absl::IsInvalidArgument(SignAwsRequest({.url = "nowhere"}, keys_, now_).status()));
}

}  // namespace
}  // namespace millrace
