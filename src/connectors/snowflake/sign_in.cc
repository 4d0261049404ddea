#include "connectors/snowflake/sign_in.h"

#include <array>
#include <optional>
#include <stop_token>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/snowflake/key_pair_token.h"
#include "io/durable_file.h"
#include "net/http_client.h"

namespace millrace::snowflake {
namespace {

constexpr size_t kMaxSecretBytes = 64 << 10;
// How long a token in a file is used before the file is read again.
constexpr absl::Duration kFileLifetime = absl::Minutes(10);

constexpr std::string_view kPasswordsAreRefused =
    "SNOWFLAKE_PASSWORD looks like a user's password, which Snowflake no longer takes from "
    "programs. Make a programmatic access token, ALTER USER name ADD PROGRAMMATIC ACCESS TOKEN "
    "millrace ROLE_RESTRICTION = 'ROLE', and set it in place of the password; or set "
    "SNOWFLAKE_PRIVATE_KEY_FILE to a key whose public key the user has";

struct Secret {
  std::string value;
  std::string origin;
};

// The first of the variables that is set and not empty.
template <size_t count>
std::optional<Secret> FirstOf(const Environment& environment,
                              const std::array<std::string_view, count>& names) {
  for (const std::string_view name : names) {
    if (auto value = environment(name); value && !value->empty()) {
      return Secret{*std::move(value), std::string(name)};
    }
  }
  return std::nullopt;
}

absl::Status CheckToken(std::string_view token, std::string_view origin) {
  const bool is_printable = token.find_first_of(" \t\r\n\"\\") == std::string_view::npos;
  if (!token.empty() && is_printable) return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat(origin, " holds no token: it has to be one word"));
}

absl::StatusOr<std::string> ReadToken(const std::string& path, std::string_view origin) {
  ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(path, kMaxSecretBytes));
  std::string token(TrimBlanks(text));
  RETURN_IF_ERROR(CheckToken(token, origin));
  return token;
}

class FileTokenFetcher final : public TokenFetcher {
 public:
  FileTokenFetcher(std::string path, std::string origin, Clock& clock)
      : path_(std::move(path)), origin_(std::move(origin)), clock_(clock) {}

  absl::StatusOr<AccessToken> Fetch(HttpClient& /*http*/, std::stop_token /*stop*/) override {
    ASSIGN_OR_RETURN(std::string token, ReadToken(path_, origin_));
    return AccessToken{std::move(token), clock_.Now() + kFileLifetime};
  }

 private:
  const std::string path_;
  const std::string origin_;
  Clock& clock_;
};

// PEM as it is, with "\n" for line ends, or without its first and last line.
std::string NormalizePem(std::string_view text, bool encrypted) {
  std::string pem = absl::StrReplaceAll(ToAbsl(TrimBlanks(text)), {{"\\n", "\n"}});
  if (pem.starts_with("-----BEGIN")) return pem + "\n";
  const std::string_view kind = encrypted ? "ENCRYPTED PRIVATE KEY" : "PRIVATE KEY";
  std::string lines;
  absl::StrReplaceAll({{"\n", ""}, {"\r", ""}, {" ", ""}}, &pem);
  for (size_t at = 0; at < pem.size(); at += 64) StrAppend(&lines, pem.substr(at, 64), "\n");
  return StrCat("-----BEGIN ", kind, "-----\n", lines, "-----END ", kind, "-----\n");
}

absl::StatusOr<SignIn> WithKey(const SnowflakeSpec& spec, const Environment& environment,
                               const Secret& secret, Clock& clock) {
  constexpr std::array<std::string_view, 2> kPassphrases = {"SNOWFLAKE_PRIVATE_KEY_PASSPHRASE",
                                                            "PRIVATE_KEY_PASSPHRASE"};
  if (spec.user.empty()) {
    return absl::InvalidArgumentError(
        StrCat(secret.origin, " needs the name of its user: set SNOWFLAKE_USER or user= of the ",
               "destination"));
  }
  const std::optional<Secret> passphrase = FirstOf(environment, kPassphrases);
  const std::string pem = NormalizePem(secret.value, passphrase.has_value());
  absl::StatusOr<RsaKey> key =
      passphrase ? RsaKey::FromPem(pem, passphrase->value) : RsaKey::FromPem(pem);
  if (!key.ok()) {
    const bool is_locked = !passphrase && pem.find("ENCRYPTED") != std::string::npos;
    return Annotate(is_locked ? absl::InvalidArgumentError("the key is encrypted: set "
                                                           "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE")
                              : key.status(),
                    secret.origin);
  }
  ASSIGN_OR_RETURN(std::unique_ptr<TokenFetcher> fetcher,
                   NewKeyPairFetcher(spec.AccountClaim(), spec.user, *std::move(key), clock));
  return SignIn{
      .type = TokenType::kKeyPair,
      .tokens = NewCachedTokenSource(std::move(fetcher), NewCurlHttpClient(), clock),
      .origin = StrCat("the key of ", spec.user, " in ", secret.origin),
  };
}

// What SNOWFLAKE_AUTHENTICATOR says.
struct Authenticator {
  bool is_set = false;
  TokenType type = TokenType::kAny;
};

absl::StatusOr<Authenticator> ReadAuthenticator(const Environment& environment) {
  const std::string name =
      absl::AsciiStrToUpper(environment("SNOWFLAKE_AUTHENTICATOR").value_or(""));
  if (name.empty() || name == "SNOWFLAKE") return Authenticator{};
  if (name == "SNOWFLAKE_JWT") return Authenticator{true, TokenType::kKeyPair};
  if (name == "OAUTH") return Authenticator{true, TokenType::kOauth};
  if (name == "PROGRAMMATIC_ACCESS_TOKEN") {
    return Authenticator{true, TokenType::kProgrammaticAccess};
  }
  return absl::InvalidArgumentError(
      "SNOWFLAKE_AUTHENTICATOR is SNOWFLAKE_JWT, OAUTH or PROGRAMMATIC_ACCESS_TOKEN; others need a "
      "person to sign in");
}

absl::StatusOr<SignIn> WithToken(std::string token, TokenType type, std::string origin) {
  RETURN_IF_ERROR(CheckToken(token, origin));
  return SignIn{
      .type = type, .tokens = NewFixedTokenSource(std::move(token)), .origin = std::move(origin)};
}

absl::StatusOr<std::optional<Secret>> FindKey(const Environment& environment) {
  constexpr std::array<std::string_view, 2> kKeys = {"SNOWFLAKE_PRIVATE_KEY",
                                                     "SNOWFLAKE_PRIVATE_KEY_RAW"};
  constexpr std::array<std::string_view, 2> kFiles = {"SNOWFLAKE_PRIVATE_KEY_FILE",
                                                      "SNOWFLAKE_PRIVATE_KEY_PATH"};
  if (auto key = FirstOf(environment, kKeys)) return key;
  std::optional<Secret> file = FirstOf(environment, kFiles);
  if (!file) return std::nullopt;
  absl::StatusOr<std::string> text = ReadWholeFile(file->value, kMaxSecretBytes);
  if (!text.ok()) return Annotate(text.status(), file->origin);
  return Secret{*std::move(text), StrCat(file->origin, " (", file->value, ")")};
}

}  // namespace

std::string_view HeaderOf(TokenType type) {
  switch (type) {
    case TokenType::kKeyPair:
      return "KEYPAIR_JWT";
    case TokenType::kOauth:
      return "OAUTH";
    case TokenType::kProgrammaticAccess:
      return "PROGRAMMATIC_ACCESS_TOKEN";
    case TokenType::kAny:
      return "";
  }
  return "";
}

absl::StatusOr<SignIn> NewSignIn(const SnowflakeSpec& spec, const Environment& environment,
                                 Clock& clock) {
  ASSIGN_OR_RETURN(const Authenticator wanted, ReadAuthenticator(environment));
  if (!wanted.is_set || wanted.type == TokenType::kKeyPair) {
    ASSIGN_OR_RETURN(const std::optional<Secret> key, FindKey(environment));
    if (key) return WithKey(spec, environment, *key, clock);
    if (wanted.is_set) {
      return absl::InvalidArgumentError(
          "SNOWFLAKE_AUTHENTICATOR is SNOWFLAKE_JWT: set SNOWFLAKE_PRIVATE_KEY_FILE or "
          "SNOWFLAKE_PRIVATE_KEY");
    }
  }
  if (auto token = environment("SNOWFLAKE_TOKEN"); token && !token->empty()) {
    return WithToken(*std::move(token), wanted.type, "SNOWFLAKE_TOKEN");
  }
  if (auto path = environment("SNOWFLAKE_TOKEN_FILE_PATH"); path && !path->empty()) {
    std::string origin = StrCat("SNOWFLAKE_TOKEN_FILE_PATH (", *path, ")");
    auto fetcher = std::make_unique<FileTokenFetcher>(*std::move(path), origin, clock);
    return SignIn{.type = wanted.type,
                  .tokens = NewCachedTokenSource(std::move(fetcher), NewCurlHttpClient(), clock),
                  .origin = std::move(origin)};
  }
  if (auto token = environment("SNOWFLAKE_PASSWORD"); token && !token->empty()) {
    // Tokens are JSON Web Tokens, which begin like this.
    if (!wanted.is_set && !token->starts_with("eyJ")) {
      return absl::InvalidArgumentError(ToAbsl(kPasswordsAreRefused));
    }
    const TokenType type = wanted.is_set ? wanted.type : TokenType::kProgrammaticAccess;
    return WithToken(*std::move(token), type, "SNOWFLAKE_PASSWORD");
  }
  return absl::InvalidArgumentError(
      "no credentials for Snowflake: set SNOWFLAKE_PRIVATE_KEY_FILE (a key pair), SNOWFLAKE_TOKEN "
      "(OAuth or a programmatic access token) or SNOWFLAKE_PASSWORD (a programmatic access token)");
}

}  // namespace millrace::snowflake
