#include "auth/crypto.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include <utility>

#include "absl/strings/escaping.h"
#include "base/strings.h"

namespace millrace {
namespace {

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// Instead of a prompt on the terminal.
int NoPassphrase(char*, int, int, void*) { return -1; }

}  // namespace

std::string Sha256(std::string_view bytes) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(Bytes(bytes), bytes.size(), digest);
  return {reinterpret_cast<char*>(digest), sizeof digest};
}

std::string HmacSha256(std::string_view key, std::string_view bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), Bytes(bytes), bytes.size(), digest,
       &size);
  return {reinterpret_cast<char*>(digest), size};
}

std::string LowerHex(std::string_view bytes) { return absl::BytesToHexString(ToAbsl(bytes)); }

std::string Sha256Hex(std::string_view bytes) { return LowerHex(Sha256(bytes)); }

std::string Base64Url(std::string_view bytes) { return absl::WebSafeBase64Escape(ToAbsl(bytes)); }

absl::StatusOr<RsaKey> RsaKey::FromPem(std::string_view pem) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  std::shared_ptr<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr),
                                &EVP_PKEY_free);
  ERR_clear_error();  // libcurl would read leftover errors as its own
  if (key == nullptr || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA) {
    return absl::InvalidArgumentError("it is not an RSA private key in PEM format");
  }
  return RsaKey(std::move(key));
}

absl::StatusOr<std::string> RsaKey::SignSha256(std::string_view bytes) const {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  auto* key = static_cast<EVP_PKEY*>(key_.get());
  size_t size = 0;
  std::string signature;
  const bool ok = EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
                  EVP_DigestSign(context.get(), nullptr, &size, Bytes(bytes), bytes.size()) == 1 &&
                  (signature.resize(size), true) &&
                  EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()),
                                 &size, Bytes(bytes), bytes.size()) == 1;
  if (!ok) return absl::InternalError("OpenSSL could not sign with the private key");
  signature.resize(size);
  return signature;
}

absl::StatusOr<std::string> SignJwt(std::string_view header, std::string_view claims,
                                    const RsaKey& key) {
  std::string token = StrCat(Base64Url(header), ".", Base64Url(claims));
  absl::StatusOr<std::string> signature = key.SignSha256(token);
  if (!signature.ok()) return signature;
  StrAppend(&token, ".", Base64Url(*signature));
  return token;
}

}  // namespace millrace
