#include "connectors/snowflake/sign_in.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_replace.h"
#include "auth/crypto.h"
#include "auth/testing/test_key.h"
#include "base/strings.h"
#include "connectors/snowflake/key_pair_token.h"
#include "io/temp_folder.h"

namespace millrace::snowflake {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// `pem` as an encrypted PKCS #8 key.
std::string Encrypted(const std::string& pem, const std::string& passphrase) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> in(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr), &EVP_PKEY_free);
  const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), &BIO_free);
  PEM_write_bio_PKCS8PrivateKey(out.get(), key.get(), EVP_aes_256_cbc(), passphrase.data(),
                                static_cast<int>(passphrase.size()), nullptr, nullptr);
  char* text = nullptr;
  const auto size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<size_t>(size)};
}

class SignInTest : public testing::Test {
 protected:
  absl::StatusOr<SignIn> Make(std::string_view uri = "snowflake://org-acct/d/s?user=loader") {
    const auto environment = [this](std::string_view name) -> std::optional<std::string> {
      const auto found = variables_.find(std::string(name));
      if (found == variables_.end()) return std::nullopt;
      return found->second;
    };
    const auto spec = SnowflakeSpec::Parse(uri, environment);
    if (!spec.ok()) return spec.status();
    return NewSignIn(*spec, environment, clock_);
  }
  std::string Error() {
    const auto made = Make();
    EXPECT_TRUE(absl::IsInvalidArgument(made.status())) << made.status();
    return std::string(ToStd(made.status().message()));
  }
  std::string Token(SignIn& sign_in) {
    const auto token = sign_in.tokens->Token({});
    return token.ok() ? token->value : std::string(ToStd(token.status().message()));
  }

  const TestRsaKey key_;
  FakeClock clock_;
  std::map<std::string, std::string> variables_;
};

TEST_F(SignInTest, SignsTokensOfAnHourWithTheKey) {
  variables_ = {{"SNOWFLAKE_PRIVATE_KEY", key_.private_pem()}};
  auto made = Make();
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(HeaderOf(made->type), "KEYPAIR_JWT");
  const std::string token = Token(*made);
  EXPECT_TRUE(key_.HasSigned(token));
  const auto claims = nlohmann::json::parse(JwtClaims(token));
  const auto fingerprint = Fingerprint(*RsaKey::FromPem(key_.private_pem()));
  EXPECT_THAT(*fingerprint, StartsWith("SHA256:"));
  EXPECT_EQ(claims["sub"], "ORG-ACCT.LOADER");
  EXPECT_EQ(claims["iss"], StrCat("ORG-ACCT.LOADER.", *fingerprint));
  EXPECT_EQ(claims["exp"].get<int64_t>() - claims["iat"].get<int64_t>(), 59 * 60);
  clock_.Advance(absl::Minutes(50));
  EXPECT_EQ(Token(*made), token);
  clock_.Advance(absl::Minutes(5));
  EXPECT_NE(Token(*made), token);
}

TEST_F(SignInTest, TakesKeysAsToolsWriteThem) {
  const std::string pem = key_.private_pem();
  std::string body = pem.substr(pem.find('\n') + 1);
  body.resize(body.find("-----END"));
  for (const std::string& text : {absl::StrReplaceAll(pem, {{"\n", "\\n"}}), body,
                                  absl::StrReplaceAll(body, {{"\n", ""}}), "  " + pem + "\n\n"}) {
    variables_ = {{"SNOWFLAKE_PRIVATE_KEY_RAW", text}};
    auto made = Make();
    ASSERT_TRUE(made.ok()) << made.status();
    EXPECT_TRUE(key_.HasSigned(Token(*made)));
  }
}

TEST_F(SignInTest, ReadsEncryptedKeysFromFiles) {
  const auto folder = TempFolder::Make(testing::TempDir(), "sign-in");
  ASSERT_TRUE(folder.ok());
  const std::string path = StrCat((*folder)->path(), "/key.p8");
  std::ofstream(path) << Encrypted(key_.private_pem(), "open sesame");
  variables_ = {{"SNOWFLAKE_PRIVATE_KEY_FILE", path}};
  EXPECT_THAT(Error(), AllOf(HasSubstr(path), HasSubstr("SNOWFLAKE_PRIVATE_KEY_PASSPHRASE")));
  variables_["SNOWFLAKE_PRIVATE_KEY_PASSPHRASE"] = "wrong one";
  EXPECT_THAT(Error(), AllOf(HasSubstr("passphrase"), Not(HasSubstr("wrong one"))));
  variables_["SNOWFLAKE_PRIVATE_KEY_PASSPHRASE"] = "open sesame";
  auto made = Make();
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_TRUE(key_.HasSigned(Token(*made)));
  variables_["SNOWFLAKE_PRIVATE_KEY_FILE"] = path + "x";
  EXPECT_FALSE(Make().ok());
}

TEST_F(SignInTest, AKeyNeedsItsUser) {
  variables_ = {{"SNOWFLAKE_PRIVATE_KEY", key_.private_pem()}};
  const auto made = Make("snowflake://a/d/s");
  EXPECT_THAT(ToStd(made.status().message()), HasSubstr("SNOWFLAKE_USER"));
}

TEST_F(SignInTest, TypesOfTokens) {
  variables_ = {{"SNOWFLAKE_TOKEN", "ver:1-hint:2-abc"}};
  auto made = Make();
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(HeaderOf(made->type), "");
  EXPECT_EQ(Token(*made), "ver:1-hint:2-abc");
  variables_["SNOWFLAKE_AUTHENTICATOR"] = "oauth";
  EXPECT_EQ(HeaderOf(Make()->type), "OAUTH");
  variables_["SNOWFLAKE_AUTHENTICATOR"] = "PROGRAMMATIC_ACCESS_TOKEN";
  EXPECT_EQ(HeaderOf(Make()->type), "PROGRAMMATIC_ACCESS_TOKEN");
  variables_["SNOWFLAKE_AUTHENTICATOR"] = "SNOWFLAKE_JWT";
  EXPECT_THAT(Error(), HasSubstr("SNOWFLAKE_PRIVATE_KEY_FILE"));
  variables_["SNOWFLAKE_AUTHENTICATOR"] = "externalbrowser";
  EXPECT_THAT(Error(), HasSubstr("need a person"));
  variables_ = {{"SNOWFLAKE_TOKEN", "two words"}};
  EXPECT_THAT(Error(), AllOf(HasSubstr("SNOWFLAKE_TOKEN"), Not(HasSubstr("two words"))));
}

TEST_F(SignInTest, ATokenInAFileMayChange) {
  const auto folder = TempFolder::Make(testing::TempDir(), "sign-in");
  ASSERT_TRUE(folder.ok());
  const std::string path = StrCat((*folder)->path(), "/token");
  std::ofstream(path) << "one\n";
  variables_ = {{"SNOWFLAKE_TOKEN_FILE_PATH", path}};
  auto made = Make();
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(Token(*made), "one");
  std::ofstream(path) << "two\n";
  EXPECT_EQ(Token(*made), "one");
  made->tokens->Forget({.value = "one"});
  EXPECT_EQ(Token(*made), "two");
}

TEST_F(SignInTest, APasswordIsRefusedAndATokenInItsPlaceWorks) {
  variables_ = {{"SNOWFLAKE_PASSWORD", "hunter2"}};
  EXPECT_THAT(Error(),
              AllOf(HasSubstr("ADD PROGRAMMATIC ACCESS TOKEN"), Not(HasSubstr("hunter2"))));
  variables_["SNOWFLAKE_PASSWORD"] = "eyJraWQiOiIxIn0.eyJwIjoiMSJ9.c2ln";
  auto made = Make();
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(HeaderOf(made->type), "PROGRAMMATIC_ACCESS_TOKEN");
  EXPECT_EQ(made->origin, "SNOWFLAKE_PASSWORD");
  variables_ = {{"SNOWFLAKE_PASSWORD", "opaque"},
                {"SNOWFLAKE_AUTHENTICATOR", "programmatic_access_token"}};
  made = Make();
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(Token(*made), "opaque");
}

TEST_F(SignInTest, SaysWhatCanBeSet) {
  EXPECT_THAT(Error(), AllOf(HasSubstr("SNOWFLAKE_PRIVATE_KEY_FILE"), HasSubstr("SNOWFLAKE_TOKEN"),
                             HasSubstr("SNOWFLAKE_PASSWORD")));
}

}  // namespace
}  // namespace millrace::snowflake
