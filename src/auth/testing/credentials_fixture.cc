#include "auth/testing/credentials_fixture.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace millrace {
namespace {

namespace fs = std::filesystem;

std::string NewFolder() {
  std::string folder = testing::TempDir() + "credentials_XXXXXX";
  EXPECT_NE(::mkdtemp(folder.data()), nullptr);
  return folder;
}

}  // namespace

std::string Asked::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return "";
}

CredentialsTest::CredentialsTest()
    : folder_(NewFolder()), variables_{{"HOME", folder_}}, answer_([](const HttpRequest&) {
        return HttpResponse{.status = 404};
      }) {}

CredentialsTest::~CredentialsTest() { fs::remove_all(folder_); }

std::string CredentialsTest::Write(const std::string& name, const std::string& text) {
  const fs::path path = fs::path(folder_) / name;
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
  return path.string();
}

Environment CredentialsTest::environment() {
  return [this](std::string_view name) -> std::optional<std::string> {
    const auto found = variables_.find(std::string(name));
    if (found == variables_.end()) return std::nullopt;
    return found->second;
  };
}

std::function<std::unique_ptr<HttpClient>()> CredentialsTest::new_http() {
  return [this] {
    return std::make_unique<FakeHttpClient>([this](const HttpRequest& request) {
      asked_.push_back({request.method, request.url, std::string(request.body), request.headers});
      return answer_(request);
    });
  };
}

std::vector<std::string> CredentialsTest::Lines() const {
  std::vector<std::string> lines;
  for (const Asked& asked : asked_) lines.push_back(asked.line());
  return lines;
}

}  // namespace millrace
