#include "auth/testing/test_key.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <memory>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"
#include "base/strings.h"

namespace millrace {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

std::string Content(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(size)};
}

std::string Decode(const std::string& part) {
  std::string text;
  return absl::WebSafeBase64Unescape(part, &text) ? text : "";
}

std::vector<std::string> Parts(std::string_view token) {
  return absl::StrSplit(ToAbsl(token), '.');
}

}  // namespace

TestRsaKey::TestRsaKey() {
  const Key key(EVP_RSA_gen(2048), &EVP_PKEY_free);
  const Bio secret(BIO_new(BIO_s_mem()), &BIO_free);
  PEM_write_bio_PrivateKey(secret.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  private_pem_ = Content(secret.get());
  const Bio open(BIO_new(BIO_s_mem()), &BIO_free);
  PEM_write_bio_PUBKEY(open.get(), key.get());
  public_pem_ = Content(open.get());
}

bool TestRsaKey::HasSigned(std::string_view token) const {
  const std::vector<std::string> parts = Parts(token);
  if (parts.size() != 3) return false;
  const std::string signed_text = parts[0] + "." + parts[1];
  const std::string signature = Decode(parts[2]);
  const Bio bio(BIO_new_mem_buf(public_pem_.data(), static_cast<int>(public_pem_.size())),
                &BIO_free);
  const Key key(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr), &EVP_PKEY_free);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  const auto bytes = [](const std::string& text) {
    return reinterpret_cast<const unsigned char*>(text.data());
  };
  return EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(signed_text),
                          signed_text.size()) == 1;
}

std::string JwtClaims(std::string_view token) {
  const std::vector<std::string> parts = Parts(token);
  return parts.size() == 3 ? Decode(parts[1]) : "";
}

}  // namespace millrace
