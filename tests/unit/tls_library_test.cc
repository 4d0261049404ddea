// libparquet exports a copy of OpenSSL; linked in the wrong order, the whole process would use it
// for TLS. This program is linked as millrace is, and asks the dynamic linker.
#include <curl/curl.h>
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <grpc/grpc.h>
#include <gtest/gtest.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <parquet/properties.h>

#include <string>

namespace {

using ::testing::HasSubstr;

// The shared library that holds `address`.
std::string LibraryOf(const void* address) {
  Dl_info info = {};
  return dladdr(address, &info) != 0 ? info.dli_fname : "";
}

// The library that a symbol is bound to, whoever asks.
std::string LibraryOfSymbol(const char* symbol) { return LibraryOf(dlsym(RTLD_DEFAULT, symbol)); }

TEST(TlsLibrary, LibparquetIsInTheProcess) {
  EXPECT_THAT(LibraryOf(reinterpret_cast<const void*>(&parquet::default_reader_properties)),
              HasSubstr("libparquet"));
}

TEST(TlsLibrary, TheProgramUsesTheSystemsOpenSsl) {
  EXPECT_THAT(LibraryOf(reinterpret_cast<const void*>(&EVP_DigestSignInit)),
              HasSubstr("libcrypto.so"));
  EXPECT_THAT(LibraryOf(reinterpret_cast<const void*>(&SSL_new)), HasSubstr("libssl.so"));
}

TEST(TlsLibrary, SharedLibrariesUseTheSystemsOpenSsl) {
  for (const char* symbol : {"EVP_DigestSignInit", "EVP_EncryptUpdate", "X509_verify_cert",
                             "RAND_bytes", "OPENSSL_init_crypto", "CRYPTO_free"}) {
    EXPECT_THAT(LibraryOfSymbol(symbol), HasSubstr("libcrypto.so")) << symbol;
  }
  for (const char* symbol : {"SSL_new", "SSL_CTX_new", "SSL_connect", "SSL_read", "SSL_write",
                             "OPENSSL_init_ssl", "TLS_client_method"}) {
    EXPECT_THAT(LibraryOfSymbol(symbol), HasSubstr("libssl.so")) << symbol;
  }
}

TEST(TlsLibrary, GrpcIsTheSystems) {
  EXPECT_THAT(LibraryOf(reinterpret_cast<const void*>(&grpc_init)), HasSubstr("libgrpc.so"));
  EXPECT_THAT(LibraryOfSymbol("grpc_ssl_credentials_create"), HasSubstr("libgrpc.so"));
  // What libgrpc itself calls is looked up in the same order as here.
  EXPECT_THAT(LibraryOfSymbol("SSL_CTX_set_alpn_select_cb"), HasSubstr("libssl.so"));
}

TEST(TlsLibrary, LibcurlUsesTheSystemsOpenSsl) {
  void* const libcrypto = dlopen("libcrypto.so.3", RTLD_NOW | RTLD_NOLOAD);
  ASSERT_NE(libcrypto, nullptr) << dlerror();
  const auto version =
      reinterpret_cast<unsigned int (*)()>(dlsym(libcrypto, "OPENSSL_version_major"));
  const auto text = reinterpret_cast<const char* (*)(int)>(dlsym(libcrypto, "OpenSSL_version"));
  ASSERT_NE(version, nullptr);
  ASSERT_NE(text, nullptr);
  EXPECT_EQ(version(), 3u);
  const std::string curls = curl_version_info(CURLVERSION_NOW)->ssl_version;  // "OpenSSL/3.0.19"
  EXPECT_EQ(curls, std::string("OpenSSL/") + text(OPENSSL_VERSION_STRING));
  dlclose(libcrypto);
}

}  // namespace
