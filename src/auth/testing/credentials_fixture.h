// The base of credential tests: its own home folder, variables, clock and responses, so that tests
// do not depend on the machine.
#ifndef MILLRACE_AUTH_TESTING_CREDENTIALS_FIXTURE_H_
#define MILLRACE_AUTH_TESTING_CREDENTIALS_FIXTURE_H_

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/environment.h"
#include "net/testing/fake_http_client.h"

namespace millrace {

// A request that was sent.
struct Asked {
  std::string method;
  std::string url;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;

  std::string line() const { return method + " " + url; }
  // The first header of exactly that name, or "".
  std::string header(std::string_view name) const;
};

class CredentialsTest : public testing::Test {
 protected:
  CredentialsTest();
  ~CredentialsTest() override;

  // Writes a file below folder_, and returns its path.
  std::string Write(const std::string& name, const std::string& text);
  // Looks up variables_.
  Environment environment();
  // Makes clients that respond as answer_ does and record requests in asked_.
  std::function<std::unique_ptr<HttpClient>()> new_http();
  // asked_, as "METHOD URL".
  std::vector<std::string> Lines() const;

  const std::string folder_;                      // removed with the test
  std::map<std::string, std::string> variables_;  // HOME is folder_
  FakeClock clock_;
  FakeHttpClient::Handler answer_;  // 404 unless set
  std::vector<Asked> asked_;
};

}  // namespace millrace

#endif  // MILLRACE_AUTH_TESTING_CREDENTIALS_FIXTURE_H_
