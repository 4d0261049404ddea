// A sandbox in this process, on disk or in memory, and a client connection to it.
#ifndef MILLRACE_SANDBOX_TESTING_SANDBOX_FIXTURE_H_
#define MILLRACE_SANDBOX_TESTING_SANDBOX_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "io/gzip_encoder.h"
#include "net/testing/raw_connection.h"
#include "sandbox/sandbox.h"

namespace millrace::sandbox {

using Json = nlohmann::json;

inline constexpr int64_t kNow = 1'700'000'000;  // 2023-11-14
inline constexpr std::string_view kStrict = "/import?strict=1";
inline constexpr std::string_view kAuth = "Authorization: Basic dG9rZW46\r\n";  // token:
inline constexpr std::string_view kExport =
    "/api/2.0/export?from_date=2023-11-01&to_date=2023-11-14";

inline std::string Event(std::string_view name, std::string_view id, int64_t time = kNow - 100) {
  return StrCat(R"({"event":")", name, R"(","properties":{"time":)", time,
                R"(,"distinct_id":"u1","$insert_id":")", id, R"("}})");
}

inline std::string TrackEvent(std::string_view name) {
  return StrCat(R"({"event":")", name, R"(","properties":{"token":"t","distinct_id":"u"}})");
}

inline std::string Gzip(std::string_view plain) {
  ByteBuffer out;
  GzipEncoder().Encode(plain, &out);
  return std::string(out.view());
}

// The parameter: whether on disk.
class SandboxTest : public ::testing::TestWithParam<bool> {
 protected:
  SandboxTest() {
    if (!GetParam()) return;
    folder_ = std::filesystem::path(::testing::TempDir()) /
              StrCat("sandbox_test_", getpid(), "_", ++folders_);
    options_.store = folder_;
  }
  ~SandboxTest() override {
    Stop();
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }

  void Start() {
    auto sandbox = Sandbox::Start(options_, clock_);
    ASSERT_TRUE(sandbox.ok()) << sandbox.status();
    sandbox_ = *std::move(sandbox);
    connection_ = std::make_unique<RawConnection>(sandbox_->url());
  }
  void Start(std::vector<std::string> faults) {
    options_.faults = std::move(faults);
    Start();
  }
  void Stop() {
    connection_.reset();
    sandbox_.reset();
  }

  RawResponse Exchange(std::string_view method, std::string_view target,
                       std::string_view headers = "", std::string_view body = "") {
    RawResponse reply = connection_->Exchange(method, target, headers, body);
    if (!reply.whole) connection_ = std::make_unique<RawConnection>(sandbox_->url());
    return reply;
  }
  RawResponse Import(std::string_view body) { return Exchange("POST", kStrict, kAuth, body); }
  RawResponse Post(std::string_view target, std::string_view body, std::string_view headers = "") {
    return Exchange("POST", target, headers, body);
  }
  std::string Export(std::string_view more = "") {
    return Exchange("GET", StrCat(kExport, more), kAuth).body;
  }
  Json Stats() { return Json::parse(Exchange("GET", "/sandbox/stats").body); }

  SandboxOptions options_;
  FakeClock clock_{absl::FromUnixSeconds(kNow)};
  std::unique_ptr<Sandbox> sandbox_;
  std::unique_ptr<RawConnection> connection_;
  std::filesystem::path folder_;
  static inline int folders_ = 0;
};

// Both kinds of `suite`.
#define INSTANTIATE_WITH_BOTH_STORES(suite)                  \
  INSTANTIATE_TEST_SUITE_P(Stores, suite, ::testing::Bool(), \
                           [](const auto& info) { return info.param ? "Sqlite" : "Memory"; })

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_TESTING_SANDBOX_FIXTURE_H_
