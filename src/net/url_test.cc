#include "net/url.h"

#include <gtest/gtest.h>

#include "base/percent_encoding.h"

namespace millrace {
namespace {

TEST(ParseUrl, TakesAUrlApart) {
  const auto url = ParseUrl("https://API.Mixpanel.com/import/x?a=b&c#d");
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_EQ(url->scheme, "https");
  EXPECT_EQ(url->host, "api.mixpanel.com");
  EXPECT_EQ(url->port, 443);
  EXPECT_EQ(url->path, "/import/x");
  EXPECT_EQ(url->query, "a=b&c");
  EXPECT_TRUE(url->has_fragment);
  EXPECT_FALSE(url->has_user);
  EXPECT_EQ(url->HostPort(), "api.mixpanel.com:443");
}

TEST(ParseUrl, FillsInPortAndPath) {
  EXPECT_EQ(ParseUrl("http://host/a/../b/./..")->path, "/a/../b/./..");
  EXPECT_EQ(ParseUrl("http://host")->port, 80);
  EXPECT_EQ(ParseUrl("http://host")->path, "/");
  EXPECT_EQ(ParseUrl("http://host:8080/")->port, 8080);
  EXPECT_EQ(ParseUrl("http://[::1]:81")->HostPort(), "[::1]:81");
}

TEST(ParseUrl, SeesCredentials) {
  EXPECT_TRUE(ParseUrl("https://user@host")->has_user);
  EXPECT_TRUE(ParseUrl("https://user:secret@host")->has_user);
}

TEST(ParseUrl, RefusesWhatIsNoHttpUrlWithoutQuotingIt) {
  for (const std::string_view text : std::initializer_list<std::string_view>{
           "", "host", "host:80/secret", "ftp://host/secret", "file:///secret", "http://",
           "https://ho st/secret", "http://host:99999/secret", "://secret",
           std::string_view("http://host/\0secret", 19)}) {
    const auto url = ParseUrl(text);
    EXPECT_EQ(url.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_EQ(url.status().message().find("secret"), absl::string_view::npos) << url.status();
  }
}

TEST(Url, KnowsLoopbackHosts) {
  for (const char* url : {"http://localhost", "http://LOCALHOST:80", "http://app.localhost",
                          "http://127.0.0.1", "http://127.8.9.10", "http://[::1]"}) {
    EXPECT_TRUE(ParseUrl(url)->IsLoopback()) << url;
  }
  for (const char* url : {"http://example.com", "http://127.0.0.1.example.com", "http://128.0.0.1",
                          "http://notlocalhost", "http://[::2]"}) {
    EXPECT_FALSE(ParseUrl(url)->IsLoopback()) << url;
  }
}

TEST(UrlEncode, EscapesAllButUnreservedCharacters) {
  EXPECT_EQ(UrlEncode("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(UrlEncode("a b+c/?&=%\"\n\xC3\xA9"), "a%20b%2Bc%2F%3F%26%3D%25%22%0A%C3%A9");
  EXPECT_EQ(UrlEncode(""), "");
}

}  // namespace
}  // namespace millrace
