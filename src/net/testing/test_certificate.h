// Throw-away certificates for tests of TLS.
#ifndef MILLRACE_NET_TESTING_TEST_CERTIFICATE_H_
#define MILLRACE_NET_TESTING_TEST_CERTIFICATE_H_

#include <string>

namespace millrace {

// PEM texts.
struct TestCertificate {
  std::string certificate;
  std::string private_key;
};

// A self-signed certificate for `subject_alt_name` ("DNS:localhost", "IP:127.0.0.1"), valid now.
TestCertificate MakeTestCertificate(const std::string& subject_alt_name);

}  // namespace millrace

#endif  // MILLRACE_NET_TESTING_TEST_CERTIFICATE_H_
