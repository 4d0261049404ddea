// The stores of the clouds against servers that speak their APIs, each a counted skip where it is
// not installed.
#include <sys/stat.h>

#include <map>
#include <memory>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/time/clock.h"
#include "auth/azure_credentials.h"
#include "auth/crypto.h"
#include "base/percent_encoding.h"
#include "base/strings.h"
#include "io/testing/object_store_contract.h"
#include "net/http_client.h"
#include "stores/cloud_store.h"
#include "stores/open_store.h"
#include "stores/testing/memory_service.h"
#include "stores/testing/test_server.h"

namespace millrace {
namespace {

class CloudFixture : public ObjectStoreFixture {
 public:
  CloudFixture(std::unique_ptr<TestServer> server, std::string root,
               std::map<std::string, std::string> variables)
      : server_(std::move(server)), root_(std::move(root)) {
    StoreOptions options;
    options.retry.initial = absl::Milliseconds(10);
    options.environment = [variables](std::string_view name) -> std::optional<std::string> {
      const auto found = variables.find(std::string(name));
      if (found == variables.end()) return std::nullopt;
      return found->second;
    };
    absl::StatusOr<std::unique_ptr<ObjectStore>> store = OpenStore(root_, options);
    EXPECT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  ObjectStore& store() override { return *store_; }
  std::string root() override { return root_; }
  bool names_are_paths() override { return root_.starts_with("s3:"); }  // of versitygw's folder
  bool keeps_unfinished() override { return root_.starts_with("s3:"); }

 private:
  const std::unique_ptr<TestServer> server_;
  const std::string root_;
  std::unique_ptr<ObjectStore> store_;
};

absl::Status Send(const HttpRequest& request) {
  const auto response = NewCurlHttpClient()->Send(request, std::stop_token());
  if (!response.ok()) return response.status();
  return response->status / 100 == 2 ? absl::OkStatus() : absl::InternalError(response->body);
}

std::unique_ptr<ObjectStoreFixture> MakeGcsFixture(std::string& why) {
  auto server = TestServer::Start(
      {.program = "fake-gcs-server-1.56.1/fake-gcs-server",
       .arguments = {"-backend", "memory", "-scheme", "http", "-host", "127.0.0.1", "-port",
                     "{port}", "-external-url", "http://127.0.0.1:{port}"}},
      why);
  if (server == nullptr) return nullptr;
  const std::string url = server->url();
  const absl::Status made = Send({.method = "POST",
                                  .url = url + "/storage/v1/b?project=test",
                                  .headers = {{"Content-Type", "application/json"}},
                                  .body = R"({"name": "test-bucket"})"});
  EXPECT_TRUE(made.ok()) << made;
  return std::make_unique<CloudFixture>(
      std::move(server), "gs://test-bucket/root/",
      std::map<std::string, std::string>{{"STORAGE_EMULATOR_HOST", url}});
}

std::unique_ptr<ObjectStoreFixture> MakeS3Fixture(std::string& why) {
  auto server = TestServer::Start(
      {.program = "versitygw-1.8.0/versitygw",
       .arguments = {"--port", "127.0.0.1:{port}", "--quiet", "posix", "--sidecar", "{folder}/meta",
                     "{folder}/data"},
       .variables = {{"ROOT_ACCESS_KEY", "test-key"}, {"ROOT_SECRET_KEY", "test-secret"}}},
      why);
  if (server == nullptr) return nullptr;
  const std::string url = server->url();
  EXPECT_EQ(::mkdir((server->folder() + "/data/test-bucket").c_str(), 0700), 0);
  return std::make_unique<CloudFixture>(
      std::move(server), "s3://test-bucket/root/",
      std::map<std::string, std::string>{{"AWS_ENDPOINT_URL_S3", url},
                                         {"AWS_ACCESS_KEY_ID", "test-key"},
                                         {"AWS_SECRET_ACCESS_KEY", "test-secret"},
                                         {"AWS_REGION", "us-east-1"}});
}

// The account of the emulator, which is public.
constexpr std::string_view kAzureAccount = "devstoreaccount1";
constexpr std::string_view kAzureKey =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

// A signature of the emulator's account for blobs.
std::string AzureSas() {
  constexpr std::string_view kVersion = "2020-08-04";
  constexpr std::string_view kEnd = "2099-01-01T00:00:00Z";
  std::string key;
  EXPECT_TRUE(absl::Base64Unescape(ToAbsl(kAzureKey), &key));
  const std::string signature =
      HmacSha256(key, StrCat(kAzureAccount, "\nrwdlc\nb\nsco\n\n", kEnd, "\n\n\n", kVersion, "\n"));
  return StrCat("sv=", kVersion, "&ss=b&srt=sco&sp=rwdlc&se=", kEnd,
                "&sig=", UrlEncode(absl::Base64Escape(signature)));
}

std::unique_ptr<ObjectStoreFixture> StartAzure(std::string& why, bool with_sas) {
  auto server = TestServer::Start(
      {.program = "azurite-3.35.0/node_modules/.bin/azurite-blob",
       .arguments = {"--blobHost", "127.0.0.1", "--blobPort", "{port}", "--inMemoryPersistence",
                     "--skipApiVersionCheck", "--disableTelemetry", "--silent"}},
      why);
  if (server == nullptr) return nullptr;
  const std::string endpoint = StrCat("BlobEndpoint=", server->url(), "/", kAzureAccount);
  const std::string connection =
      StrCat("AccountName=", kAzureAccount, ";AccountKey=", kAzureKey, ";", endpoint);
  const std::map<std::string, std::string> variables = {
      {"AZURE_STORAGE_CONNECTION_STRING",
       with_sas ? StrCat("SharedAccessSignature=", AzureSas(), ";", endpoint) : connection}};
  const auto credentials = FindAzureCredentials(
      {.environment = [&](std::string_view name) -> std::optional<std::string> {
        if (name == "AZURE_STORAGE_CONNECTION_STRING") return connection;
        return std::nullopt;
      }});
  EXPECT_TRUE(credentials.ok()) << credentials.status();
  HttpRequest make{.method = "PUT",
                   .url = server->url() + "/devstoreaccount1/test-container?restype=container",
                   .headers = {{"x-ms-version", "2021-12-02"}}};
  EXPECT_TRUE(credentials->Authorize(make, absl::Now(), std::stop_token()).ok());
  const absl::Status made = Send(make);
  EXPECT_TRUE(made.ok()) << made;
  return std::make_unique<CloudFixture>(std::move(server), "az://test-container/root/", variables);
}

std::unique_ptr<ObjectStoreFixture> MakeAzureFixture(std::string& why) {
  return StartAzure(why, /*with_sas=*/false);
}

class MemoryFixture : public ObjectStoreFixture {
 public:
  explicit MemoryFixture(MemoryService::Behaviour behaviour)
      : store_(NewCloudStore(std::make_shared<MemoryService>(behaviour), {})) {}
  ObjectStore& store() override { return *store_; }
  std::string root() override { return "mem://bucket/root/"; }
  bool keeps_unfinished() override { return true; }

 private:
  const std::unique_ptr<ObjectStore> store_;
};

template <MemoryService::Behaviour behaviour>
std::unique_ptr<ObjectStoreFixture> MakeMemoryFixture(std::string&) {
  return std::make_unique<MemoryFixture>(behaviour);
}

INSTANTIATE_TEST_SUITE_P(
    Memory, ObjectStoreContract,
    testing::Values(&MakeMemoryFixture<MemoryService::Behaviour{}>,
                    &MakeMemoryFixture<MemoryService::Behaviour{.starts_anywhere = false}>,
                    &MakeMemoryFixture<MemoryService::Behaviour{.denies_stat = true}>));
INSTANTIATE_TEST_SUITE_P(Gcs, ObjectStoreContract, testing::Values(&MakeGcsFixture));
INSTANTIATE_TEST_SUITE_P(S3, ObjectStoreContract, testing::Values(&MakeS3Fixture));
INSTANTIATE_TEST_SUITE_P(Azure, ObjectStoreContract, testing::Values(&MakeAzureFixture));

// The emulator does not check the signature that Azure requires for the source of a copy: that one
// is tested with the text of the request.
TEST(AzureSignatureTest, MovesABlob) {
  std::string why;
  const std::unique_ptr<ObjectStoreFixture> fixture = StartAzure(why, /*with_sas=*/true);
  if (fixture == nullptr) GTEST_SKIP() << why;
  const std::string from = fixture->root() + "a b/é?";
  const std::string to = fixture->root() + "c";
  const absl::Status created = fixture->store().CreateIfAbsent(from, "content");
  ASSERT_TRUE(created.ok()) << created;
  const absl::Status moved = fixture->store().Move(from, to);
  EXPECT_TRUE(moved.ok()) << moved;
  EXPECT_TRUE(absl::IsNotFound(fixture->store().Find(from).status()));
  EXPECT_EQ(fixture->store().Find(to)->size, 7);
}

}  // namespace
}  // namespace millrace
