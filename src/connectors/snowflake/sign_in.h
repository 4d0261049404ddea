// Who signs in to Snowflake, and with what: a key pair, an OAuth token or a programmatic access
// token.
#ifndef MILLRACE_CONNECTORS_SNOWFLAKE_SIGN_IN_H_
#define MILLRACE_CONNECTORS_SNOWFLAKE_SIGN_IN_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "auth/token_source.h"
#include "base/clock.h"
#include "base/environment.h"
#include "connectors/snowflake/snowflake_spec.h"

namespace millrace::snowflake {

enum class TokenType {
  kKeyPair,             // a JSON Web Token that this process signs
  kOauth,               // an OAuth access token
  kProgrammaticAccess,  // a programmatic access token
  kAny,                 // one of the last two: Snowflake looks at the token
};

// The value of X-Snowflake-Authorization-Token-Type: "KEYPAIR_JWT"; "" of kAny.
std::string_view HeaderOf(TokenType type);

struct SignIn {
  TokenType type = TokenType::kAny;
  std::unique_ptr<TokenSource> tokens;
  // Where the credentials come from, for messages: "SNOWFLAKE_PRIVATE_KEY_FILE (key.p8)".
  std::string origin;
};

// Reads the first of these that is set. Names are those of Snowflake CLI and its Terraform
// provider.
//   SNOWFLAKE_PRIVATE_KEY, SNOWFLAKE_PRIVATE_KEY_RAW: an RSA key in PEM or the base64 of one
//   SNOWFLAKE_PRIVATE_KEY_FILE, SNOWFLAKE_PRIVATE_KEY_PATH: a file with one
//   SNOWFLAKE_TOKEN, SNOWFLAKE_TOKEN_FILE_PATH: a token; the file is read again while it is used
//   SNOWFLAKE_PASSWORD: a programmatic access token
// SNOWFLAKE_PRIVATE_KEY_PASSPHRASE (or PRIVATE_KEY_PASSPHRASE) decrypts the key, and
// SNOWFLAKE_AUTHENTICATOR (SNOWFLAKE_JWT, OAUTH or PROGRAMMATIC_ACCESS_TOKEN) says which of them to
// use and of which type a token is. Sends nothing. `clock` outlives the result.
//
// InvalidArgument: none is set, one cannot be used, or SNOWFLAKE_PASSWORD is the password of a
// user, which Snowflake no longer takes from programs; the message says what to do and holds no
// secret.
absl::StatusOr<SignIn> NewSignIn(const SnowflakeSpec& spec, const Environment& environment,
                                 Clock& clock);

}  // namespace millrace::snowflake

#endif  // MILLRACE_CONNECTORS_SNOWFLAKE_SIGN_IN_H_
