// Keys for tests, made at run time.
#ifndef MILLRACE_AUTH_TESTING_TEST_KEY_H_
#define MILLRACE_AUTH_TESTING_TEST_KEY_H_

#include <string>
#include <string_view>

namespace millrace {

class TestRsaKey {
 public:
  TestRsaKey();  // a new one of 2048 bits

  const std::string& private_pem() const { return private_pem_; }
  // Whether `token` is a JSON Web Token signed by this key.
  bool HasSigned(std::string_view token) const;

 private:
  std::string private_pem_;
  std::string public_pem_;
};

// The claims of a JSON Web Token, as JSON text; "" if it is not one.
std::string JwtClaims(std::string_view token);

}  // namespace millrace

#endif  // MILLRACE_AUTH_TESTING_TEST_KEY_H_
