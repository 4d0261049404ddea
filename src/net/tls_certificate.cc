#include "net/tls_certificate.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <memory>

#include "base/status.h"
#include "base/strings.h"

namespace millrace {
namespace {

constexpr char kCaName[] = "Millrace self-signed CA";
constexpr long kClockSkewSeconds = 24 * 3600;
constexpr long kValidSeconds = 365L * 24 * 3600;

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Extension = std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)>;

absl::Status OpenSslError(std::string_view doing) {
  char text[256] = "unknown error";
  if (const unsigned long code = ERR_get_error(); code != 0) {
    ERR_error_string_n(code, text, sizeof text);
  }
  ERR_clear_error();
  return absl::InternalError(StrCat(doing, ": ", text));
}

struct ExtensionText {
  int id;
  std::string value;
};

bool AddExtensions(const std::vector<ExtensionText>& extensions, X509* issuer, X509* certificate) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  for (const auto& [id, value] : extensions) {
    const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str()),
                              &X509_EXTENSION_free);
    if (extension == nullptr || X509_add_ext(certificate, extension.get(), -1) != 1) return false;
  }
  return true;
}

bool SetSerialNumber(X509* certificate) {
  uint64_t serial;
  if (RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) != 1) return false;
  return ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1) == 1;
}

// `issuer` null: signed by itself.
Certificate Issue(const std::string& name, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key,
                  const std::vector<ExtensionText>& extensions) {
  Certificate certificate(X509_new(), &X509_free);
  X509* made = certificate.get();
  if (made == nullptr || issuer_key == nullptr) return {nullptr, &X509_free};
  if (issuer == nullptr) issuer = made;
  X509_NAME* subject = X509_get_subject_name(made);
  const bool ok = X509_set_version(made, X509_VERSION_3) == 1 && SetSerialNumber(made) &&
                  X509_gmtime_adj(X509_getm_notBefore(made), -kClockSkewSeconds) != nullptr &&
                  X509_gmtime_adj(X509_getm_notAfter(made), kValidSeconds) != nullptr &&
                  X509_set_pubkey(made, key) == 1 &&
                  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                             reinterpret_cast<const unsigned char*>(name.data()),
                                             static_cast<int>(name.size()), -1, 0) == 1 &&
                  X509_set_issuer_name(made, X509_get_subject_name(issuer)) == 1 &&
                  AddExtensions(extensions, issuer, made) &&
                  X509_sign(made, issuer_key, EVP_sha256()) > 0;
  if (!ok) certificate.reset();
  return certificate;
}

std::string AlternativeNames(const std::vector<std::string>& hosts) {
  std::string names;
  for (const std::string& host : hosts) {
    unsigned char address[sizeof(in6_addr)];
    const bool is_address = inet_pton(AF_INET, host.c_str(), address) == 1 ||
                            inet_pton(AF_INET6, host.c_str(), address) == 1;
    StrAppend(&names, names.empty() ? "" : ",", is_address ? "IP:" : "DNS:", host);
  }
  return names;
}

std::string Content(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(size)};
}

std::string ToPem(X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()), &BIO_free);
  PEM_write_bio_X509(bio.get(), certificate);
  return Content(bio.get());
}

std::string ToPem(EVP_PKEY* key) {
  const Bio bio(BIO_new(BIO_s_mem()), &BIO_free);
  PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return Content(bio.get());
}

}  // namespace

absl::StatusOr<SelfSignedCertificate> MakeSelfSignedCertificate(
    const std::vector<std::string>& hosts) {
  if (hosts.empty()) return absl::InvalidArgumentError("a certificate needs a host");
  const Key ca_key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  const Key key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  if (ca_key == nullptr || key == nullptr) return OpenSslError("creating a private key");
  const Certificate ca = Issue(kCaName, ca_key.get(), nullptr, ca_key.get(),
                               {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                                {NID_key_usage, "critical,keyCertSign,cRLSign"},
                                {NID_subject_key_identifier, "hash"}});
  if (ca == nullptr) return OpenSslError("creating a certificate authority");
  const Certificate server = Issue(hosts[0], key.get(), ca.get(), ca_key.get(),
                                   {{NID_basic_constraints, "critical,CA:FALSE"},
                                    {NID_key_usage, "critical,digitalSignature"},
                                    {NID_ext_key_usage, "serverAuth"},
                                    {NID_subject_key_identifier, "hash"},
                                    {NID_authority_key_identifier, "keyid:always"},
                                    {NID_subject_alt_name, AlternativeNames(hosts)}});
  if (server == nullptr) return OpenSslError(StrCat("creating a certificate for ", hosts[0]));
  return SelfSignedCertificate{ToPem(ca.get()), {ToPem(server.get()), ToPem(key.get())}};
}

bool IsSelfSignedCa(std::string_view pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  const Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr),
                                &X509_free);
  ERR_clear_error();
  if (certificate == nullptr || ToPem(certificate.get()) != pem) return false;
  char name[sizeof kCaName + 1] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name,
                            sizeof name);
  return std::string_view(name) == kCaName;
}

}  // namespace millrace
