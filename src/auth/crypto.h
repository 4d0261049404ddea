// The building blocks of signatures, by OpenSSL.
#ifndef MILLRACE_AUTH_CRYPTO_H_
#define MILLRACE_AUTH_CRYPTO_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"

namespace millrace {

// 32 bytes, not text.
std::string Sha256(std::string_view bytes);
std::string HmacSha256(std::string_view key, std::string_view bytes);

std::string Sha256Hex(std::string_view bytes);
std::string LowerHex(std::string_view bytes);

// Base64 with '-' and '_', without padding (RFC 7515 section 2).
std::string Base64Url(std::string_view bytes);

// An RSA key for signing. Copies share it; thread-safe.
class RsaKey {
 public:
  // From PEM text, "BEGIN PRIVATE KEY" or "BEGIN RSA PRIVATE KEY", without a passphrase.
  // InvalidArgument, without quoting it, if it is anything else.
  static absl::StatusOr<RsaKey> FromPem(std::string_view pem);
  // The same, also for "BEGIN ENCRYPTED PRIVATE KEY". InvalidArgument if the passphrase is wrong.
  static absl::StatusOr<RsaKey> FromPem(std::string_view pem, const std::string& passphrase);

  // RSASSA-PKCS1-v1_5 with SHA-256: "RS256" of RFC 7518.
  absl::StatusOr<std::string> SignSha256(std::string_view bytes) const;

  // The public key as a SubjectPublicKeyInfo in DER (RFC 5280 section 4.1); bytes, not text.
  absl::StatusOr<std::string> PublicKeyDer() const;

 private:
  explicit RsaKey(std::shared_ptr<void> key) : key_(std::move(key)) {}
  std::shared_ptr<void> key_;  // EVP_PKEY
};

// A signed JSON Web Token (RFC 7519) from a header and claims in JSON text.
absl::StatusOr<std::string> SignJwt(std::string_view header, std::string_view claims,
                                    const RsaKey& key);

}  // namespace millrace

#endif  // MILLRACE_AUTH_CRYPTO_H_
