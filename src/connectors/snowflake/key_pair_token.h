// Tokens of key-pair authentication: JSON Web Tokens that this process signs.
#ifndef MILLRACE_CONNECTORS_SNOWFLAKE_KEY_PAIR_TOKEN_H_
#define MILLRACE_CONNECTORS_SNOWFLAKE_KEY_PAIR_TOKEN_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "auth/crypto.h"
#include "auth/token_source.h"
#include "base/clock.h"

namespace millrace::snowflake {

// "SHA256:" and the base64 of the hash of the public key, as RSA_PUBLIC_KEY_FP of DESCRIBE USER.
absl::StatusOr<std::string> Fingerprint(const RsaKey& key);

// Signs tokens of an hour for `user` of `account`, both in upper case. `clock` outlives it.
absl::StatusOr<std::unique_ptr<TokenFetcher>> NewKeyPairFetcher(const std::string& account,
                                                                const std::string& user, RsaKey key,
                                                                Clock& clock);

}  // namespace millrace::snowflake

#endif  // MILLRACE_CONNECTORS_SNOWFLAKE_KEY_PAIR_TOKEN_H_
