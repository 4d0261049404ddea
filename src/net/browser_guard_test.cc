#include "net/browser_guard.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace millrace {
namespace {

absl::Status Guard(std::map<std::string, std::string, std::less<>> headers,
                   std::string_view listen_host = "127.0.0.1", std::string_view scheme = "http") {
  ServerRequest request;
  request.header = [&](std::string_view name) {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string_view() : std::string_view(found->second);
  };
  return CheckSameSite(request, scheme, listen_host, "mixpanel.com");
}

TEST(CheckSameSite, TakesRequestsToThisMachine) {
  for (const char* host : {"127.0.0.1:80", "localhost", "LOCALHOST:8080", "[::1]:80", "[::1]",
                           "192.168.1.5:80", "sandbox:80", "a.localhost:80", "api.mixpanel.com",
                           "data-eu.mixpanel.com:443", "mixpanel.com"}) {
    EXPECT_TRUE(Guard({{"host", host}}).ok()) << host;
  }
  EXPECT_TRUE(Guard({{"host", "box.lan:80"}}, "box.lan").ok());
  EXPECT_TRUE(Guard({{"host", "localhost:80"}, {"origin", "http://localhost:80"}}).ok());
  EXPECT_TRUE(Guard({{"host", "localhost:80"}, {"sec-fetch-site", "same-origin"}}).ok());
  EXPECT_TRUE(Guard({{"host", "localhost:80"}, {"sec-fetch-site", "none"}}).ok());
}

TEST(CheckSameSite, ComparesTheScheme) {
  const auto guard = [](const char* origin, const char* scheme) {
    return Guard({{"host", "localhost:80"}, {"origin", origin}}, "127.0.0.1", scheme);
  };
  EXPECT_TRUE(guard("https://localhost:80", "https").ok());
  EXPECT_FALSE(guard("http://localhost:80", "https").ok());
}

TEST(CheckSameSite, RefusesOthers) {
  for (const char* host :
       {"", ":80", "evil.example", "evil.example:80", "127.0.0.1.evil.example",
        "localhost.evil.example:80", "evilmixpanel.com", "api.mixpanel.com.evil.example"}) {
    EXPECT_TRUE(absl::IsPermissionDenied(Guard({{"host", host}}))) << host;
  }
  EXPECT_FALSE(Guard({}).ok());
  for (const char* origin : {"null", "http://evil.example", "http://localhost", "file://",
                             "https://localhost:80", "http://localhost:81"}) {
    EXPECT_FALSE(Guard({{"host", "localhost:80"}, {"origin", origin}}).ok()) << origin;
  }
  for (const char* site : {"cross-site", "same-site"}) {
    EXPECT_FALSE(Guard({{"host", "localhost:80"}, {"sec-fetch-site", site}}).ok()) << site;
  }
}

TEST(HostOf, RemovesThePort) {
  EXPECT_EQ(HostOf("Example.COM:80"), "example.com");
  EXPECT_EQ(HostOf("example.com"), "example.com");
  EXPECT_EQ(HostOf("[::1]:80"), "::1");
  EXPECT_EQ(HostOf("[::1]"), "::1");
  EXPECT_EQ(HostOf(""), "");
}

}  // namespace
}  // namespace millrace
