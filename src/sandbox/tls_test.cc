// The sandbox over HTTPS.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/strings.h"
#include "io/durable_file.h"
#include "net/http_client.h"
#include "net/tls_certificate.h"
#include "sandbox/sandbox.h"

namespace millrace::sandbox {
namespace {

namespace fs = std::filesystem;

class SandboxTlsTest : public ::testing::Test {
 protected:
  SandboxTlsTest() : folder_(StrCat(::testing::TempDir(), "/sandbox_tls_", getpid())) {
    fs::create_directories(folder_);
  }
  ~SandboxTlsTest() override { fs::remove_all(folder_); }

  absl::StatusOr<std::unique_ptr<Sandbox>> Start(const std::string& ca = "") {
    return Sandbox::Start({.tls_self_signed = true, .tls_ca = ca});
  }

  const std::string folder_;
};

absl::StatusOr<HttpResponse> Get(const std::string& url, const std::string& ca,
                                 const std::string& origin = "") {
  HttpRequest request;
  request.url = url;
  if (!origin.empty()) request.headers.emplace_back("Origin", origin);
  return NewCurlHttpClient({.ca_file = ca})->Send(request, {});
}

TEST_F(SandboxTlsTest, WritesTheCaToATemporaryFileThatIsRemovedWithIt) {
  std::string ca;
  {
    auto sandbox = Start();
    ASSERT_TRUE(sandbox.ok()) << sandbox.status();
    ca = (*sandbox)->tls_ca();
    const auto stats = Get((*sandbox)->url() + "/sandbox/stats", ca, (*sandbox)->url());
    ASSERT_TRUE(stats.ok()) << stats.status();
    EXPECT_EQ(stats->status, 200);
    const std::string plain = "http" + (*sandbox)->url().substr(5);
    EXPECT_EQ(Get((*sandbox)->url() + "/sandbox/stats", ca, plain)->status, 403);
  }
  EXPECT_FALSE(fs::exists(fs::path(ca).parent_path()));
}

TEST_F(SandboxTlsTest, WritesTheCaToTheGivenPathAndReplacesAnEarlierOne) {
  const std::string path = folder_ + "/new/ca.pem";
  std::string before;
  for (int i = 0; i < 2; ++i) {
    auto sandbox = Start(path);
    ASSERT_TRUE(sandbox.ok()) << sandbox.status();
    EXPECT_EQ((*sandbox)->tls_ca(), path);
    EXPECT_TRUE(Get((*sandbox)->url(), path).ok());
    const std::string now = *ReadWholeFile(path);
    EXPECT_TRUE(IsSelfSignedCa(now));
    EXPECT_EQ(now.find("PRIVATE"), std::string::npos);
    EXPECT_NE(now, before);
    before = now;
  }
  const fs::perms readable = fs::perms::owner_read | fs::perms::owner_write;
  EXPECT_EQ(fs::status(path).permissions() & readable, readable);
}

TEST_F(SandboxTlsTest, ReplacesNothingElse) {
  const std::string path = folder_ + "/settings.json";
  std::ofstream(path) << "{}";
  EXPECT_EQ(Start(path).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(*ReadWholeFile(path), "{}");
  EXPECT_EQ(Start(folder_).status().code(), absl::StatusCode::kInvalidArgument);
  const std::string link = folder_ + "/link";
  fs::create_symlink("/no/such/place", link);
  EXPECT_EQ(Start(link).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Sandbox, HasNoCaWithoutTls) {
  auto sandbox = Sandbox::Start({});
  ASSERT_TRUE(sandbox.ok());
  EXPECT_EQ((*sandbox)->tls_ca(), "");
}

}  // namespace
}  // namespace millrace::sandbox
