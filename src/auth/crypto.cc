#include "auth/crypto.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <cstring>
#include <utility>

#include "absl/strings/escaping.h"
#include "base/strings.h"

namespace millrace {
namespace {

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// Instead of a prompt on the terminal: the passphrase, a std::string, or none.
int GivePassphrase(char* to, int size, int /*is_writing*/, void* passphrase) {
  const auto* text = static_cast<const std::string*>(passphrase);
  if (text == nullptr || text->size() > static_cast<size_t>(size)) return -1;
  std::memcpy(to, text->data(), text->size());
  return static_cast<int>(text->size());
}

// Null: it is not an RSA key that can be read with `passphrase`, which may be null.
std::shared_ptr<EVP_PKEY> ReadRsaKey(std::string_view pem, std::string* passphrase) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  std::shared_ptr<EVP_PKEY> key(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, GivePassphrase, passphrase), &EVP_PKEY_free);
  ERR_clear_error();  // libcurl would read leftover errors as its own
  if (key != nullptr && EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA) key.reset();
  return key;
}

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
  std::shared_ptr<EVP_PKEY> key = ReadRsaKey(pem, nullptr);
  if (key == nullptr) {
    return absl::InvalidArgumentError("it is not an RSA private key in PEM format");
  }
  return RsaKey(std::move(key));
}

absl::StatusOr<RsaKey> RsaKey::FromPem(std::string_view pem, const std::string& passphrase) {
  std::string text = passphrase;
  std::shared_ptr<EVP_PKEY> key = ReadRsaKey(pem, &text);
  if (key == nullptr) {
    return absl::InvalidArgumentError(
        "it is not an RSA private key in PEM format, or the passphrase is not its own");
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

absl::StatusOr<std::string> RsaKey::PublicKeyDer() const {
  unsigned char* bytes = nullptr;
  const int size = i2d_PUBKEY(static_cast<EVP_PKEY*>(key_.get()), &bytes);
  if (size <= 0) return absl::InternalError("OpenSSL could not encode the public key");
  std::string der(reinterpret_cast<char*>(bytes), static_cast<size_t>(size));
  OPENSSL_free(bytes);
  return der;
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
